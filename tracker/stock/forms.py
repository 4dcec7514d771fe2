"""What an address asks of the stock."""

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from tracker.catalogue.forms import one_line
from tracker.devices.rules import UnitState
from tracker.stock.rules import END_CODES, StockFilters


def read_filters(asked: Mapping[str, str]) -> StockFilters:
    """Return what an address narrows the stock to; what cannot be read narrows nothing."""
    state = asked.get("state", "")
    return StockFilters(
        text=one_line(asked.get("q"))[:200],
        state=UnitState(state) if state in set(UnitState) else None,
        ward_id=_uuid(asked.get("ward", "")),
        derogation_id=_uuid(asked.get("derogation", "")),
        expires_until=_day(asked.get("expires", "")),
        end=end if (end := asked.get("end", "")) in END_CODES else "",
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
