"""What every room below knows of one unit."""

from collections.abc import Iterator

from sqlalchemy.orm import Session

from tracker.actor import Actor, Permission
from tracker.chronicle.rules import Entry, Kind, in_order
from tracker.devices import queries as devices
from tracker.devices.queries import UnitView
from tracker.labels import queries as labels
from tracker.upkeep import queries as upkeep
from tracker.use import queries as uses
from tracker.vigilance import queries as vigilance

MOST_PRINTS = 200
"""Prints of one label that are told, the latest; more than anybody has seen of one unit."""


def chronicle_of(session: Session, unit: UnitView, *, actor: Actor) -> list[Entry]:
    """Return everything that happened to a unit and that the actor may read, oldest first; at most ten statements.

    A use needs the permission to read uses, an incident that to read incidents.
    """
    entries = [
        *_movements(session, unit),
        *_holds(session, unit),
        *_prints(session, unit),
        *_upkeep(session, unit),
    ]
    if actor.can(Permission.USE_READ):
        entries.extend(_use(session, unit))
    if actor.can(Permission.INCIDENT_READ):
        entries.extend(_incidents(session, unit))
    return in_order(entries)


def _movements(session: Session, unit: UnitView) -> Iterator[Entry]:
    for event in devices.life_of(session, unit.id):
        data = {"event": event.event.value, "state": event.state_after.value, "reason": event.reason}
        yield Entry(event.at, Kind.MOVEMENT, event.actor_name, data | {"ward": event.ward_name or ""})


def _holds(session: Session, unit: UnitView) -> Iterator[Entry]:
    for hold in devices.list_holds(session, unit.id):
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
    for photo in reversed(devices.list_photos(session, unit.id)):
        yield Entry(photo.created_at, Kind.PHOTO, "", {"sha256": photo.sha256}, photo.id)


def _use(session: Session, unit: UnitView) -> Iterator[Entry]:
    use = uses.find_use_of_device(session, unit.id)
    if use is not None:
        data = {"intervention": use.intervention.value, "on": use.used_on.isoformat(), "operator": use.operator_name}
        yield Entry(use.recorded_at, Kind.USE, use.recorded_by_name, data, use.id)


def _incidents(session: Session, unit: UnitView) -> Iterator[Entry]:
    for line in reversed(vigilance.list_incidents_of(session, unit.id)):
        incident = line.incident
        data = {"number": line.number, "state": line.state.value, "on": incident.occurred_on.isoformat()}
        yield Entry(incident.declared_at, Kind.INCIDENT, incident.declared_by_name, data, incident.id)
