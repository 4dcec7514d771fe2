"""What a test does at the goods-in bench: reads labels, opens deliveries, receives boxes, looks at what was written."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from uuid import UUID

from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from scanners import Scan, Udi, scan
from tests.hospital import ALICE, NOW, TODAY
from tests.stock import (
    GTIN,
    REFERENCE,
)
from tracker import db
from tracker.actor import Actor
from tracker.arrivals import service as arrivals
from tracker.arrivals.queries import NewReception
from tracker.audit.models import AuditEntry
from tracker.devices.rules import EntryMethod
from tracker.reception import service
from tracker.reception.queries import LineView
from tracker.verdicts.queries import Box

LABEL = f"]d201{GTIN}1728013110A1"
SERIAL_LABEL = f"]d201{GTIN}1728013121S1"
PATIENT_LABEL = (
    "IS010000000000000000000000S1280129999999969S21.2.250.1.213.1.4.10S3MARIE CLAIRE\x1dS4EXEMPLE\x1dS5FS612-12-1980"
)


def read(raw: str) -> Scan:
    return scan(raw, reference_date=TODAY, group_separator_known=False)


def box(raw: str, **more: object) -> Box:
    return replace(Box(read(raw), EntryMethod.SCANNED), **more)


def by_hand(**known: object) -> Box:
    return Box(None, EntryMethod.MANUAL, typed=replace(Udi(reference=REFERENCE, lot="A1"), **known))


def open_one(session: Session, *, actor: Actor = ALICE) -> UUID:
    new = NewReception(supplier="Amplitude", delivery_note="BL-1")
    return arrivals.open_reception(session, db.new_id(), new=new, actor=actor, now=NOW).id


def receive(
    session: Session, reception_id: UUID, what: Box, *, line_id: UUID | None = None, actor: Actor = ALICE
) -> LineView:
    (line,) = service.receive(
        session, line_id or db.new_id(), reception_id=reception_id, box=what, actor=actor, now=NOW, today=TODAY
    )
    return line


def codes(line: LineView) -> list[str]:
    return [finding.code for finding in line.findings]


def count(session: Session, table: type[db.Base]) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def actions(session: Session) -> list[str]:
    return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.sequence)))


@contextmanager
def counted(session: Session) -> Iterator[list[str]]:
    """Collect the statements of a block."""
    statements: list[str] = []

    def note(*args: object) -> None:
        statements.append(str(args[2]))

    engine = session.connection().engine
    sqlalchemy_event.listen(engine, "before_cursor_execute", note)
    yield statements
    sqlalchemy_event.remove(engine, "before_cursor_execute", note)


def every_row(session: Session) -> str:
    """Return every row of every table that the program can read, as text; bytes in hexadecimal."""
    names = session.scalars(text("select tablename from pg_tables where schemaname = 'public'")).all()
    rows = [session.scalars(text(f"select t::text from {name} t")).all() for name in names]  # noqa: S608 - own names
    return "\n".join(row for table in rows for row in table)
