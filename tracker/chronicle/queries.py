"""What every room below knows of one unit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from tracker.actor import Actor, Permission
from tracker.chronicle.rules import Entry, Kind, in_order
from tracker.devices import queries as devices
from tracker.devices.models import Hold
from tracker.devices.queries import UnitView
from tracker.documents import queries as documents
from tracker.documents.models import Document, DocumentKind
from tracker.labels import queries as labels
from tracker.outcomes import queries as outcomes
from tracker.outcomes.models import Correction
from tracker.reception import queries as reception
from tracker.stocktaking import queries as counts
from tracker.unidentified import queries as tray
from tracker.unidentified.queries import Origin
from tracker.upkeep import queries as upkeep
from tracker.use import queries as uses
from tracker.vigilance import queries as vigilance

MOST_PRINTS = 200
"""Prints of one label that are told, the latest; more than anybody has seen of one unit."""
MOST_USES = 200
"""Uses of one unit that are told, the latest; the use log has all of them."""
MOST_SIGHTINGS = 100
"""Counts that are told, the latest: one a month for eight years."""


@dataclass(frozen=True, slots=True)
class Chronicle:
    """What is known of one unit, whoever keeps it."""

    entries: list[Entry]
    """Oldest first."""
    holds: Sequence[Hold]
    """Every hold there was, oldest first."""
    photos: Sequence[Document]
    """Newest first; those taken at goods-in and in the tray too."""


def chronicle_of(session: Session, unit: UnitView, *, actor: Actor) -> Chronicle:
    """Return everything that happened to a unit and that the actor may read; at most fifteen statements.

    A use needs the permission to read uses, an incident that to read incidents.
    """
    origin = tray.find_origin(session, unit.id)
    holds, photos = devices.list_holds(session, unit.id), _photos(session, unit, origin)
    entries = [
        *_origin(origin),
        *_movements(session, unit, holds),
        *_holds(holds),
        *_prints(session, unit),
        *_upkeep(session, unit),
        *[Entry(photo.created_at, Kind.PHOTO, "", {"sha256": photo.sha256}, photo.id) for photo in reversed(photos)],
        *_sightings(session, unit),
    ]
    if actor.can(Permission.USE_READ):
        entries.extend([*_uses(session, unit), *_outcomes(session, unit)])
    if actor.can(Permission.INCIDENT_READ):
        entries.extend(_incidents(session, unit))
    return Chronicle(in_order(entries), holds, photos)


def _photos(session: Session, unit: UnitView, origin: Origin | None) -> Sequence[Document]:
    subjects = [devices.photo_subject(unit.id)]
    if origin is not None:
        subjects.append(reception.photo_subject(origin.line_id))
        subjects.extend([tray.photo_subject(origin.item_id)] if origin.item_id else [])
    return documents.list_about(session, subjects, DocumentKind.PHOTO)


def _origin(origin: Origin | None) -> Iterator[Entry]:
    if origin is None:
        return
    if origin.item_id is not None and origin.put_aside_at is not None:
        aside = {"number": str(origin.item_number)}
        yield Entry(origin.put_aside_at, Kind.TRAY, origin.put_aside_by_name or "", aside, origin.item_id)
    data = {"number": str(origin.reception_number), "supplier": origin.supplier, "note": origin.delivery_note}
    yield Entry(origin.at, Kind.ARRIVAL, origin.actor_name, data, origin.reception_id)


def _movements(session: Session, unit: UnitView, holds: Sequence[Hold]) -> Iterator[Entry]:
    told = {(hold.opened_at, hold.reason) for hold in holds} | {(hold.closed_at, hold.close_reason) for hold in holds}
    for event in devices.life_of(session, unit.id):
        reason = "" if (event.at, event.reason) in told else event.reason  # once, with the hold of the same instant
        data = {"event": event.event.value, "state": event.state_after.value, "reason": reason}
        people = {name: str(event.details.get(name) or "") for name in ("requested_by", "received_by")}
        yield Entry(event.at, Kind.MOVEMENT, event.actor_name, data | people | {"ward": event.ward_name or ""})


def _holds(holds: Sequence[Hold]) -> Iterator[Entry]:
    for hold in holds:
        data = {"cause": hold.cause.value, "reason": hold.reason}
        yield Entry(hold.opened_at, Kind.HOLD_OPENED, hold.opened_by_name, data, hold.id)
        if hold.closed_at is not None:
            released = {"cause": hold.cause.value, "reason": hold.close_reason or ""}
            yield Entry(hold.closed_at, Kind.HOLD_RELEASED, hold.closed_by_name or "", released, hold.id)


def _prints(session: Session, unit: UnitView) -> Iterator[Entry]:
    for line in reversed(labels.list_prints(session, limit=MOST_PRINTS, sequence=unit.sequence)):
        data = {"reprint": "yes" if line.is_reprint else "", "reason": line.reason or ""}
        yield Entry(line.at, Kind.LABEL, line.actor_name or "", data, line.id)


def _upkeep(session: Session, unit: UnitView) -> Iterator[Entry]:
    for update in reversed(upkeep.list_updates(session, unit.id)):
        data = {"version": update.version, "outcome": update.outcome.value, "on": update.installed_on.isoformat()}
        yield Entry(update.at, Kind.VERSION, update.actor_name, data, update.id)
    for place in reversed(upkeep.list_places(session, unit.id)):
        data = {"place": place.place, "on": place.moved_on.isoformat()}
        yield Entry(place.at, Kind.PLACE, place.actor_name, data, place.id)


def _sightings(session: Session, unit: UnitView) -> Iterator[Entry]:
    for seen in reversed(counts.list_sightings(session, unit.id, limit=MOST_SIGHTINGS)):
        yield Entry(seen.at, Kind.COUNT, seen.actor_name, {"ward": seen.ward_name or ""}, seen.count_id)


def _uses(session: Session, unit: UnitView) -> Iterator[Entry]:
    for use in reversed(uses.list_uses_of_device(session, unit.id, limit=MOST_USES)):
        data = {"intervention": use.intervention.value, "on": use.used_on.isoformat(), "operator": use.operator_name}
        yield Entry(use.recorded_at, Kind.USE, use.recorded_by_name, data, use.id)
    for one in reversed(uses.list_corrections(session, unit.id, limit=MOST_USES)):
        yield Entry(one.recorded_at, Kind.CORRECTION, one.recorded_by_name, {"reason": one.reason}, one.use_id)


def _outcomes(session: Session, unit: UnitView) -> Iterator[Entry]:
    for failure, correction in outcomes.list_failures(session, unit.id):
        data = {"failure": failure.cause.value, "on": failure.failed_on.isoformat(), "operator": failure.operator_name}
        yield Entry(failure.recorded_at, Kind.FAILURE, failure.recorded_by_name, data, failure.id)
        if correction is not None:
            yield _corrected(correction, Kind.FAILURE_CORRECTION, failure.id)
    for gone, correction_of in outcomes.list_explantations(session, unit.id):
        data = {"explantation": gone.cause.value, "on": gone.explanted_on.isoformat(), "operator": gone.operator_name}
        yield Entry(gone.recorded_at, Kind.EXPLANTATION, gone.recorded_by_name, data, gone.use_id)
        if correction_of is not None:
            yield _corrected(correction_of, Kind.EXPLANTATION_CORRECTION, gone.use_id)


def _corrected(correction: Correction, kind: Kind, source_id: UUID) -> Entry:
    told = {"reason": correction.reason}
    return Entry(correction.recorded_at, kind, correction.recorded_by_name, told, source_id)


def _incidents(session: Session, unit: UnitView) -> Iterator[Entry]:
    for line in reversed(vigilance.list_incidents_of(session, unit.id)):
        incident = line.incident
        data = {"number": line.number, "state": line.state.value, "on": incident.occurred_on.isoformat()}
        yield Entry(incident.declared_at, Kind.INCIDENT, incident.declared_by_name, data, incident.id)
