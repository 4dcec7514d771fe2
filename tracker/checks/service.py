"""The one action of a check: judge a scan, write nothing."""

from datetime import date, datetime

from sqlalchemy.orm import Session

from scanners import Scan
from tracker.actor import Actor, Permission
from tracker.checks.rules import check_not_empty
from tracker.devices.rules import EntryMethod
from tracker.verdicts import queries as verdicts
from tracker.verdicts.queries import Assessment, Box
from tracker.verdicts.rules import Purpose


def check(
    session: Session, *, scan: Scan, today: date, now: datetime, actor: Actor, purpose: Purpose = Purpose.RECEIVE
) -> Assessment:
    """Return the verdict on a scan and write nothing.

    Raises:
        NotPermitted: the actor may not ask.
        ScanEmpty: nothing was scanned.
    """
    actor.require(Permission.UNIT_CHECK)
    check_not_empty(scan)
    return verdicts.assess(session, Box(scan, EntryMethod.SCANNED), purpose=purpose, today=today, now=now)
