"""Fills a database by COPY: units in lots of a hundred, a fifth of them used, as the owner of the tables."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid5

import psycopg

from tracker.demonstration import ESTABLISHMENT_ID
from tracker.sealing import KeyRing

LOT_SIZE = 100
USED_PER_LOT = 20
_SPACE = UUID("0192f000-0000-7000-8000-0000000000ff")
_START = datetime(2006, 1, 2, 8, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Shelf:
    """What the filled rows refer to: rows of the demonstration."""

    definition_ids: tuple[UUID, ...]
    derogation_id: UUID
    consent_event_id: UUID
    person_id: UUID
    ward_id: UUID


def lot_of(unit: int) -> str:
    """Return the lot of the n-th unit."""
    return f"LOT{unit // LOT_SIZE:07d}"


def fill(connection: psycopg.Connection, shelf: Shelf, keyring: KeyRing, *, rows: int) -> None:
    """Write ``rows`` units with their movements, and the patients and uses of those that were used."""
    used = [unit for unit in range(rows) if unit % LOT_SIZE < USED_PER_LOT]
    with connection.transaction():
        _copy(connection, "patient", columns=_PATIENT, lines=_patients(used, keyring, shelf))
        _copy(connection, "device", columns=_DEVICE, lines=_devices(rows, shelf))
        _copy(connection, "movement", columns=_MOVEMENT, lines=_movements(rows, shelf))
        _copy(connection, "device_use", columns=_USE, lines=_uses(used, shelf))
        connection.execute("select setval('unit_number_seq', %s)", (rows + 1,))
    connection.execute("vacuum analyze")


_PATIENT = (
    "id, establishment_id, sealed_traits, ipp_key, ins_key, traits_key, name_key, identity_status, created_at,"
    " created_by_id"
)
_DEVICE = (
    "id, establishment_id, sequence, definition_id, lot_number, serial_number, expiration_date, manufacture_date,"
    " software_version, udi_di, raw_scan, entry_method, state, created_at"
)
_MOVEMENT = "id, establishment_id, device_id, event, state_after, at, actor_id, actor_name, ward_id, reason, details"
_USE = (
    "id, establishment_id, device_id, ordinal, origin_id, patient_id, derogation_id, consent_event_id, used_on,"
    " operator_id, operator_name, ward_id, side, intervention, implanted_system, reason, findings, recorded_at,"
    " recorded_by_id, recorded_by_name"
)


def _copy(connection: psycopg.Connection, table: str, *, columns: str, lines: Iterable[tuple[object, ...]]) -> None:
    with connection.cursor().copy(f"copy {table} ({columns}) from stdin") as copy:
        for line in lines:
            copy.write_row(line)


def _id(kind: str, number: int) -> UUID:
    return uuid5(_SPACE, f"{kind}:{number}")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _patients(used: list[int], keyring: KeyRing, shelf: Shelf) -> Iterator[tuple[object, ...]]:
    for number in used:
        patient_id = _id("patient", number)
        traits = (
            f'{{"family_name":"BANC","given_names":"ESSAI","birth_date":"1950-01-01","sex":"F","ipp":"B{number}",'
            '"birth_place_code":"","used_name":"","ins_matricule":"","ins_oid":""}'
        )
        sealed = keyring.seal(traits.encode(), context=f"patient.traits:{patient_id}")
        key = _digest(f"patient:{number}")
        yield patient_id, ESTABLISHMENT_ID, sealed, key, None, key, key, "PROV", _START, shelf.person_id


def _devices(rows: int, shelf: Shelf) -> Iterator[tuple[object, ...]]:
    expiry = date(2040, 12, 31)
    for number in range(rows):
        definition = shelf.definition_ids[number // LOT_SIZE % len(shelf.definition_ids)]
        state = "used" if number % LOT_SIZE < USED_PER_LOT else "released"
        at = _START + timedelta(minutes=7 * number)
        yield (
            _id("device", number), ESTABLISHMENT_ID, number + 1, definition, lot_of(number), None, expiry, None, None,
            None, b"bench", "scanned", state, at,
        )  # fmt: skip


def _movements(rows: int, shelf: Shelf) -> Iterator[tuple[object, ...]]:
    for number in range(rows):
        device, at = _id("device", number), _START + timedelta(minutes=7 * number)
        who = (shelf.person_id, "Banc")
        yield _id("receipt", number), ESTABLISHMENT_ID, device, "REC", "released", at, *who, None, "", "{}"
        if number % LOT_SIZE < USED_PER_LOT:
            later = at + timedelta(days=3)
            yield _id("use", number), ESTABLISHMENT_ID, device, "POS", "used", later, *who, None, "", "{}"


def _uses(used: list[int], shelf: Shelf) -> Iterator[tuple[object, ...]]:
    for number in used:
        at = _START + timedelta(minutes=7 * number, days=3)
        yield (
            _id("device_use", number), ESTABLISHMENT_ID, _id("device", number), 1, _id("device_use", number),
            _id("patient", number),
            shelf.derogation_id, shelf.consent_event_id, at.date(), shelf.person_id, "Banc", shelf.ward_id, "left",
            "partial_revision", "SCORE", "banc", "[]", at, shelf.person_id, "Banc",
        )  # fmt: skip
