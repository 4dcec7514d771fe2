"""Actions on a recalled lot: ask for it, block it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.catalogue import queries as catalogue
from tracker.devices import rules as device_rules
from tracker.devices.rules import HoldCause, NewHold
from tracker.lots import queries as lot_queries
from tracker.lots import service as lots
from tracker.recalls import queries, rules
from tracker.recalls.queries import RecallView


def recall_lot(
    session: Session, *, lot_number: str, definition_id: UUID | None, actor: Actor, now: datetime
) -> RecallView:
    """Return where the units of a lot are and who carries them, and record who asked.

    Raises:
        NotPermitted: the actor may not ask.
        LotMissing: no lot was given.
    """
    actor.require(Permission.RECALL_READ)
    lot_number = rules.check_lot(lot_number)
    view = queries.recall(session, lot_number=lot_number, definition_id=definition_id)
    audit.append(
        session,
        actor=actor,
        action="recall:read",
        subject=f"lot:{lot_number}",
        details={"units": str(len(view.units)), "patients": str(len(view.carriers))},
        now=now,
    )
    return view


def hold_lot(
    session: Session,
    request_id: UUID,
    *,
    definition_id: UUID,
    lot_number: str,
    reason: str,
    actor: Actor,
    now: datetime,
) -> int:
    """Block a whole lot because of a recall; the same request again blocks nothing more.

    Returns:
        How many units were blocked.

    Raises:
        NotPermitted: the actor may not block.
        DefinitionNotFound: there is no such device in the catalogue.
        LotMissing: no lot was given.
        ReasonMissing: no reason was given.
    """
    actor.require(Permission.HOLD_OPEN)
    catalogue.get_definition(session, definition_id)
    lot_number = rules.check_lot(lot_number)
    hold = NewHold(cause=HoldCause.RECALL, reason=device_rules.check_reason(reason), source_ref=f"recall:{request_id}")
    queries.lock_recall(session, request_id)
    if lot_queries.find_lot_hold(session, hold.source_ref, definition_id=definition_id, lot_number=lot_number):
        return 0
    held = lots.hold_lot(
        session,
        definition_id=definition_id,
        lot_number=lot_number,
        serial_device_id=None,
        hold=hold,
        actor=actor,
        now=now,
    )
    audit.append(
        session,
        actor=actor,
        action="lot:recalled",
        subject=f"lot:{lot_number}",
        details={"definition": str(definition_id), "units": str(held)},
        now=now,
    )
    return held
