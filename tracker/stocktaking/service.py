"""Acts of a count: open, scan, decide, close."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from tracker import db
from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.catalogue import queries as catalogue
from tracker.delivery import queries as delivery
from tracker.devices import queries as devices
from tracker.devices import rules as device_rules
from tracker.devices import service as devices_service
from tracker.devices.queries import UnitView
from tracker.devices.rules import HoldCause, NewHold
from tracker.errors import N_, check_same_request
from tracker.organisation import queries as organisation
from tracker.stocktaking import queries, rules
from tracker.stocktaking.models import CountedUnit, CountResolution, StockCount
from tracker.stocktaking.rules import Difference, NoDifference, Resolution


@dataclass(frozen=True, slots=True)
class NewCount:
    """What is counted."""

    ward_id: UUID | None = None
    """None for the pharmacy."""
    definition_id: UUID | None = None
    """None for every device."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Counted:
    """The answer to one scan."""

    unit: UnitView
    difference: Difference | None
    is_first: bool
    """False where the unit was scanned in this count before."""


def open_count(session: Session, count_id: UUID, *, new: NewCount, actor: Actor, now: datetime) -> StockCount:
    """Open a count of a place; the same request again returns the same count.

    Raises:
        NotPermitted: the actor may not count.
        WardNotFound: there is no such ward here.
        DefinitionNotFound: there is no such device in the catalogue.
        RequestIdReused: the id belongs to another count.
    """
    actor.require(Permission.STOCK_COUNT)
    earlier = session.get(StockCount, count_id)
    if earlier is not None:
        same = (earlier.ward_id, earlier.definition_id) == (new.ward_id, new.definition_id)
        check_same_request(is_same=same)
        return earlier
    if new.ward_id is not None:
        organisation.get_ward(session, new.ward_id)
    if new.definition_id is not None:
        catalogue.get_definition(session, new.definition_id)
    opened = StockCount(
        id=count_id,
        establishment_id=actor.establishment_id,
        ward_id=new.ward_id,
        definition_id=new.definition_id,
        note=new.note,
        opened_at=now,
        opened_by_id=actor.id,
        opened_by_name=actor.display_name,
    )
    session.add(opened)
    audit.append(
        session,
        actor=actor,
        action="count:opened",
        subject=f"count:{count_id}",
        details={"ward_id": str(new.ward_id or ""), "note": new.note},
        now=now,
    )
    return opened


def count_unit(session: Session, count_id: UUID, *, raw: str, actor: Actor, now: datetime, today: date) -> Counted:
    """Count the unit that a scan names, once whoever scans it again.

    Raises:
        NotPermitted: the actor may not count.
        CountNotFound: there is no such count here.
        CountClosed: it is closed.
        UnitDoubtful: the code fits several units.
        UnitNotFound: it fits none.
    """
    actor.require(Permission.STOCK_COUNT)
    count = queries.get_count_for_update(session, count_id)
    rules.check_open(is_closed=count.closed_at is not None)
    unit = devices.get_unit(session, delivery.name_unit(session, raw, today=today))
    values = {
        "id": db.new_id(),
        "establishment_id": actor.establishment_id,
        "count_id": count_id,
        "device_id": unit.id,
        "at": now,
        "actor_id": actor.id,
        "actor_name": actor.display_name,
    }
    made = session.scalar(upsert(CountedUnit).values(values).on_conflict_do_nothing().returning(CountedUnit.id))
    if made is not None:
        audit.append(
            session,
            actor=actor,
            action="unit:counted",
            subject=f"device:{unit.id}",
            details={"number": unit.number, "count": str(count_id)},
            now=now,
        )
    difference = rules.difference_of(unit.state, unit.ward_id, ward_id=count.ward_id, is_counted=True)
    return Counted(unit, difference, is_first=made is not None)


def resolve(
    session: Session,
    count_id: UUID,
    *,
    numbers: Collection[str],
    resolution: Resolution,
    reason: str,
    actor: Actor,
    now: datetime,
) -> None:
    """Decide about differences for one reason, about all or none; the same decision again changes nothing.

    As many statements for many as for one.

    Raises:
        NotPermitted: the actor may not decide.
        CountNotFound: there is no such count here.
        CountClosed: it is closed.
        NothingChosen: no unit was named, or too many.
        UnitNotFound: one is not here.
        ReasonMissing: nothing was written.
        NoDifference: one does not differ, or somebody decided otherwise.
        HoldNotPossible: one that is to be blocked has left the hospital.
    """
    actor.require(Permission.UNIT_DELIVER)
    reason = device_rules.check_reason(reason)
    rules.check_chosen(len(numbers))
    count = queries.get_count_for_update(session, count_id)
    rules.check_open(is_closed=count.closed_at is not None)
    units = devices.get_units_for_update(session, numbers)
    decided = _to_decide(session, count, units, resolution=resolution, reason=reason)
    made = {db.new_id(): (unit, difference) for unit, difference in decided}
    if not made:
        return
    session.add_all(
        CountResolution(
            id=made_id,
            establishment_id=actor.establishment_id,
            count_id=count_id,
            device_id=unit.id,
            difference=difference,
            resolution=resolution,
            reason=reason,
            at=now,
            actor_id=actor.id,
            actor_name=actor.display_name,
        )
        for made_id, (unit, difference) in made.items()
    )
    if resolution is Resolution.HELD:
        hold = NewHold(HoldCause.PHARMACIST, reason, f"count:{count_id}")
        held = {made_id: unit for made_id, (unit, _difference) in made.items()}
        devices_service.open_holds(session, held, hold=hold, actor=actor, now=now)
    told = {"count": str(count_id), "resolution": resolution.value}
    acts = [
        audit.Act("difference:resolved", f"device:{unit.id}", told | {"difference": difference.value})
        for unit, difference in made.values()
    ]
    audit.append_many(session, actor=actor, acts=acts, now=now)


def _to_decide(
    session: Session, count: StockCount, units: Collection[UnitView], *, resolution: Resolution, reason: str
) -> list[tuple[UnitView, Difference]]:
    """Return the units that differ and have no decision yet; those decided about in the same way are left out.

    Raises:
        NoDifference: one does not differ, or somebody decided otherwise.
    """
    ids = [unit.id for unit in units]
    earlier, counted = queries.find_resolutions(session, count.id, ids), queries.list_counted(session, count.id, ids)
    found = []
    for unit in units:
        known = earlier.get(unit.id)
        if known is not None and (known.resolution, known.reason) == (resolution, reason):
            continue
        difference = rules.difference_of(unit.state, unit.ward_id, ward_id=count.ward_id, is_counted=unit.id in counted)
        if difference is None or known is not None:
            raise NoDifference(
                N_("There is nothing to decide about the unit %(number)s any more. Nothing was written."),
                next_step=N_("Reload the page of the count."),
                number=unit.number,
            )
        found.append((unit, difference))
    return found


def close_count(session: Session, count_id: UUID, *, actor: Actor, now: datetime) -> StockCount:
    """Close a count whose differences were all decided about; again, it changes nothing.

    Raises:
        NotPermitted: the actor may not close counts.
        CountNotFound: there is no such count here.
        DifferencesOpen: a difference has no decision.
    """
    actor.require(Permission.UNIT_DELIVER)
    count = queries.get_count_for_update(session, count_id)
    if count.closed_at is not None:
        return count
    differences = queries.list_differences(session, count)
    rules.check_settled(sum(1 for one in differences if one.resolution is None))
    count.closed_at, count.closed_by_id, count.closed_by_name = now, actor.id, actor.display_name
    audit.append(
        session,
        actor=actor,
        action="count:closed",
        subject=f"count:{count_id}",
        details={"differences": str(len(differences))},
        now=now,
    )
    return count
