"""Acts of an import: send a file, confirm it, take its next lines over."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from uuid import UUID

from sqlalchemy.orm import Session

from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.catalogue import service as catalogue
from tracker.catalogue.rules import CatalogueLine, TakenOver
from tracker.errors import N_, Conflict, check_same_request
from tracker.imports import documents, queries, rules
from tracker.imports.models import CatalogueImport
from tracker.imports.rules import LineError

BATCH = 2000
"""Lines that one transaction of the worker takes over."""
PREVIEW_LINES = 2000
"""Lines that are looked at before the import is confirmed; the worker looks at all of them."""


class ImportConfirmed(Conflict):
    """The import was confirmed already."""

    code = "import-confirmed"


@dataclass(frozen=True, slots=True)
class Preview:
    """What the first lines of a file say."""

    lines: tuple[CatalogueLine, ...]
    errors: tuple[LineError, ...]
    looked_at: int


def read_lines(content: bytes, *, today: date) -> Iterator[CatalogueLine | LineError]:
    """Return what each line of a file says, one by one; a device that stands twice is rejected the second time.

    Raises:
        FileUnreadable: it is no table.
        ColumnsMissing: the first line does not name the columns.
    """
    rows = documents.read_rows(content)
    places = rules.read_header(next(rows, []))
    return _read_lines(rows, places, today)


def _read_lines(rows: Iterable[list[str]], places: dict[str, int], today: date) -> Iterator[CatalogueLine | LineError]:
    seen: dict[tuple[str, str], int] = {}
    for number, cells in enumerate(rows, start=2):
        line = rules.read_line(number, cells, places, today=today)
        if isinstance(line, CatalogueLine):
            first = seen.setdefault((line.manufacturer, line.reference), number)
            if first != number:
                line = LineError(number, "repeated", {"line": str(first)})
        yield line


def preview(content: bytes, *, today: date) -> Preview:
    """Return what the first lines of a file say, without writing anything.

    Raises:
        FileUnreadable: it is no table.
        ColumnsMissing: the first line does not name the columns.
    """
    first = list(islice(read_lines(content, today=today), PREVIEW_LINES))
    lines = tuple([line for line in first if isinstance(line, CatalogueLine)])
    errors = tuple([line for line in first if isinstance(line, LineError)])
    return Preview(lines, errors, len(first))


def send_file(
    session: Session, import_id: UUID, *, filename: str, content: bytes, actor: Actor, now: datetime
) -> CatalogueImport:
    """Keep a file whose columns can be read, to be looked at and confirmed; the same request again changes nothing.

    Raises:
        NotPermitted: the actor may not write the catalogue.
        FileUnreadable: it is no table.
        ColumnsMissing: the first line does not name the columns.
        FileTooLong: it has too many lines.
        RequestIdReused: the id belongs to another file.
    """
    actor.require(Permission.DEFINITION_WRITE)
    sha256 = hashlib.sha256(content).hexdigest()
    earlier = session.get(CatalogueImport, import_id)
    if earlier is not None:
        check_same_request(is_same=earlier.sha256 == sha256)
        return earlier
    rows = documents.read_rows(content, filename=filename)
    rules.read_header(next(rows, []))
    count = sum(1 for _row in rows)
    rules.check_length(count)
    sent = CatalogueImport(
        id=import_id,
        establishment_id=actor.establishment_id,
        filename=filename.rsplit("/", 1)[-1][:200],
        content=content,
        sha256=sha256,
        sent_at=now,
        sent_by_id=actor.id,
        sent_by_name=actor.display_name,
        total_count=count,
        done_count=0,
        created_count=0,
        changed_count=0,
        known_count=0,
        rejected_count=0,
        errors=[],
    )
    session.add(sent)
    audit.append(
        session,
        actor=actor,
        action="import:sent",
        subject=f"import:{import_id}",
        details={"filename": sent.filename, "sha256": sha256, "lines": str(count)},
        now=now,
    )
    return sent


def confirm(session: Session, import_id: UUID, *, actor: Actor, now: datetime) -> CatalogueImport:
    """Hand an import over to the worker.

    Raises:
        NotPermitted: the actor may not write the catalogue.
        ImportNotFound: there is none with this id here.
        ImportConfirmed: it was confirmed already.
    """
    actor.require(Permission.DEFINITION_WRITE)
    sent = queries.get_import_for_update(session, import_id)
    if sent.confirmed_at is not None:
        raise ImportConfirmed(
            N_("This import was confirmed already."), next_step=N_("Follow its progress on its page.")
        )
    sent.confirmed_at, sent.confirmed_by_id, sent.confirmed_by_name = now, actor.id, actor.display_name
    audit.append(
        session,
        actor=actor,
        action="import:confirmed",
        subject=f"import:{import_id}",
        details={"lines": str(sent.total_count)},
        now=now,
    )
    return sent


def take_batch(
    session: Session,
    import_id: UUID,
    *,
    lines: list[CatalogueLine | LineError],
    done_before: int,
    actor: Actor,
    now: datetime,
) -> bool:
    """Take the next lines of an import over, and write how far it is.

    Args:
        session: the transaction.
        import_id: a confirmed import.
        lines: the lines behind the first ``done_before``; fewer than ``BATCH`` at the end.
        done_before: how many were dealt with.
        actor: who confirmed.
        now: when.

    Returns:
        Whether this worker did it; False where another has the import.
    """
    actor.require(Permission.DEFINITION_WRITE)
    state = queries.lock_at(session, import_id, done_count=done_before)
    if state is None:
        return False
    good = [line for line in lines if isinstance(line, CatalogueLine)]
    bad = [line for line in lines if isinstance(line, LineError)]
    taken = (
        catalogue.take_over(session, good, source_ref=f"import:{import_id}", actor=actor, now=now)
        if good
        else TakenOver()
    )
    state.done_count += len(lines)
    state.created_count += taken.created
    state.changed_count += taken.changed
    state.known_count += taken.known
    state.rejected_count += len(bad)
    state.errors = [*state.errors, *(error.as_json() for error in bad)][: rules.MOST_ERRORS]
    if state.done_count >= state.total_count:
        state.finished_at = now
        audit.append(
            session,
            actor=actor,
            action="import:finished",
            subject=f"import:{import_id}",
            details={"created": str(state.created_count), "rejected": str(state.rejected_count)},
            now=now,
        )
    return True
