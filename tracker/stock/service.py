"""Acts on the stock as a whole: an export leaves a line in the trail."""

from datetime import datetime

from sqlalchemy.orm import Session

from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.stock.rules import StockFilters


def record_export(session: Session, *, filters: StockFilters, form: str, actor: Actor, now: datetime) -> None:
    """Record that the stock was exported: by whom, as what, narrowed to what.

    Raises:
        NotPermitted: the actor may not read units.
    """
    actor.require(Permission.UNIT_READ)
    named = {
        "text": filters.text,
        "state": filters.state or "",
        "ward_id": filters.ward_id or "",
        "derogation_id": filters.derogation_id or "",
        "expires_until": filters.expires_until or "",
        "end": filters.end,
    }
    audit.append(
        session,
        actor=actor,
        action="stock:exported",
        subject=f"establishment:{actor.establishment_id}",
        details={"form": form, **{name: str(value) for name, value in named.items() if value}},
        now=now,
    )
