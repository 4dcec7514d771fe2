"""Opens the house of the demonstration hospital, by the same actions that people use; doing it twice changes nothing.

What its people did since then is in ``diary``.

Days written ``today``, ``today+240`` or ``today-30`` are counted from the day of loading.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from tracker import clock
from tracker.accounts import service as accounts
from tracker.accounts.service import NewPerson
from tracker.actor import Actor, Role, system_actor
from tracker.catalogue import service as catalogue
from tracker.catalogue.rules import DeviceKind, NewDefinition, NewManufacturer
from tracker.consents import service as consents
from tracker.consents.rules import NoticeTexts
from tracker.db import Session
from tracker.derogations import service as derogations
from tracker.derogations.rules import DecisionKind, DerogationKind, Domain
from tracker.derogations.service import NewDecision, NewDerogation, NewReference
from tracker.organisation import queries as organisation_queries
from tracker.organisation import service as organisation
from tracker.organisation.rules import RecipientPurpose, WardData
from tracker.organisation.service import NewEstablishment
from tracker.patients import service as patients
from tracker.patients.rules import INS_TEST_OID, IdentityStatus, Sex, Traits
from tracker.publications import service as publications

ESTABLISHMENT_ID = UUID("0192f000-0000-7000-8000-000000000059")
"""The one demonstration hospital of an installation."""

_DAY = re.compile(r"today([+-][0-9]+)?")

Content = Mapping[str, Any]
"""The demonstration file, read."""


@dataclass(frozen=True, slots=True)
class LogIn:
    """One line to print: who can log in."""

    email: str
    password: str
    roles: tuple[Role, ...]


@dataclass(frozen=True, slots=True)
class _Load:
    """One loading: where, by whom, when."""

    session: Session
    actor: Actor
    now: datetime
    today: date


def id_of(key: str) -> UUID:
    """Return the id of a thing of the demonstration, always the same: ``derogation:amplitude-score``."""
    return uuid5(ESTABLISHMENT_ID, key)


def log_ins(content: Content) -> list[LogIn]:
    """Return who can log in to the demonstration."""
    return [
        LogIn(person["email"], content["password"], tuple(Role(role) for role in person["roles"]))
        for person in content["people"]
    ]


def open_house(session: Session, content: Content, registers: list[Content], *, now: datetime) -> bool:
    """Enter the demonstration hospital with its people, catalogue, register, patients and notices, unless it is there.

    Args:
        session: transaction of the demonstration hospital.
        content: the demonstration file.
        registers: real lists of derogations, loaded as they are.
        now: instant of loading; the file's days are counted from its day in Paris.

    Returns:
        Whether it was entered.
    """
    if any(row.id == ESTABLISHMENT_ID for row in organisation_queries.list_establishments(session)):
        return False
    today = clock.paris_day(now)
    dated = with_days(content, today)
    opened_on = dated["opened"]
    at = _Load(session, system_actor(ESTABLISHMENT_ID), now - (today - opened_on), opened_on)
    _load_house(at, dated)
    manufacturers = _load_catalogue(at, dated)
    for register in [*registers, dated["register"]]:
        publications.load_register(session, dict(register), actor=at.actor, now=at.now)
    _load_patients(at, dated)
    _load_individual(at, dated, manufacturers)
    _load_notices(at, dated)
    return True


def with_days(value: Any, today: date) -> Any:  # noqa: ANN401 - any value of a YAML file
    """Return the file's content with its relative days replaced.

    >>> with_days({"until": "today+2"}, date(2026, 3, 1))
    {'until': datetime.date(2026, 3, 3)}
    """
    if isinstance(value, dict):
        return {name: with_days(item, today) for name, item in value.items()}
    if isinstance(value, list):
        return [with_days(item, today) for item in value]
    match = _DAY.fullmatch(value) if isinstance(value, str) else None
    return today + timedelta(days=int(match[1] or 0)) if match else value


def _load_house(at: _Load, content: Content) -> None:
    house = NewEstablishment(**content["establishment"], is_demonstration=True)
    organisation.create_establishment(at.session, ESTABLISHMENT_ID, new=house, actor=at.actor, now=at.now)
    for ward in content["wards"]:
        data = WardData(code=ward["code"], name=ward["name"])
        organisation.add_ward(at.session, id_of(f"ward {ward['code']}"), data=data, actor=at.actor, now=at.now)
    for email in content["recipients"]:
        organisation.add_recipient(
            at.session,
            id_of(f"recipient {email}"),
            purpose=RecipientPurpose.DEROGATION_WARNING,
            email=email,
            actor=at.actor,
            now=at.now,
        )
    for person in content["people"]:
        new = NewPerson(
            email=person["email"],
            family_name=person["family_name"],
            given_name=person["given_name"],
            roles=frozenset(Role(role) for role in person["roles"]),
            password=content["password"],
            rpps=person.get("rpps"),
        )
        accounts.create_person(at.session, id_of(person["email"]), new=new, actor=at.actor, now=at.now)


def _load_catalogue(at: _Load, content: Content) -> dict[str, UUID]:
    manufacturers: dict[str, UUID] = {}
    for one in content["manufacturers"]:
        manufacturers[one["key"]] = id_of(f"manufacturer:{one['key']}")
        named = NewManufacturer(**{name: value for name, value in one.items() if name != "key"})
        catalogue.create_manufacturer(at.session, manufacturers[one["key"]], new=named, actor=at.actor, now=at.now)
    for one in content["definitions"]:
        new = NewDefinition(
            manufacturer_id=manufacturers[one["manufacturer"]],
            reference=one["reference"],
            designation=one["designation"],
            kind=DeviceKind(one["kind"]),
            brand=one["brand"],
            size=one["size"],
            expected_lifetime=one.get("expected_lifetime", ""),
            follow_up=one.get("follow_up", ""),
            udi_dis=(one["udi_di"],),
        )
        definition_id = id_of(f"definition:{one['reference']}")
        catalogue.create_definition(at.session, definition_id, new=new, actor=at.actor, now=at.now)
    return manufacturers


def _load_patients(at: _Load, content: Content) -> None:
    for one in content["patients"]:
        traits = Traits(
            family_name=one["family_name"],
            given_names=one["given_names"],
            birth_date=one["birth_date"],
            sex=Sex(one["sex"]),
            ipp=one["ipp"],
            birth_place_code=one["birth_place_code"],
            ins_matricule=one["ins_matricule"],
            ins_oid=INS_TEST_OID,
        )
        patients.register_patient(
            at.session,
            id_of(one["key"]),
            traits=traits,
            status=IdentityStatus.QUALIFIED,
            actor=at.actor,
            now=at.now,
            today=at.today,
        )


def _load_individual(at: _Load, content: Content, manufacturers: Mapping[str, UUID]) -> None:
    for one in content["individual"]:
        derogation_id = id_of(f"derogation:{one['key']}")
        new = NewDerogation(
            kind=DerogationKind.INDIVIDUAL,
            domain=Domain.OTHER,
            designation=one["designation"],
            manufacturer_id=manufacturers[one["company"]],
            source=content["register"]["source"],
            legal_basis="Fictif ; règlement (UE) 2017/745, article 59",
            patient_id=id_of(one["patient"]),
            is_fictional=True,
        )
        derogations.create_derogation(at.session, derogation_id, new=new, actor=at.actor, now=at.now)
        granted = NewDecision(
            derogation_id=derogation_id,
            kind=DecisionKind.GRANTED,
            effective_from=one["effective_from"],
            valid_until=one["valid_until"],
            reference=one["reference"],
            source=content["register"]["source"],
            added=tuple(NewReference(reference) for reference in one["references"]),
        )
        decision_id = id_of(f"decision:{one['key']}")
        derogations.record_decision(at.session, decision_id, new=granted, actor=at.actor, now=at.now)


def _load_notices(at: _Load, content: Content) -> None:
    for one in content["notices"]:
        texts = NoticeTexts(**{name: value for name, value in one.items() if name != "derogations"})
        for key in one["derogations"]:
            consents.create_notice(
                at.session,
                id_of(f"notice:{key}"),
                derogation_id=id_of(f"derogation:{key}"),
                texts=texts,
                effective_from=at.today,
                actor=at.actor,
                now=at.now,
            )
