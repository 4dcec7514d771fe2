"""Reads of uploaded lists, their lines, and the register as a list is compared with it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from scanners.readers.french import SAME_NAME, likeness
from tracker.derogations import queries as derogations
from tracker.derogations.models import Alias, Derogation, ScopeEntry
from tracker.derogations.queries import DerogationStanding
from tracker.derogations.rules import DerogationKind
from tracker.documents.models import Document
from tracker.errors import N_, NotFound
from tracker.publications.models import LineDecision, Outcome, Publication, PublicationLine, ReadingState
from tracker.publications.rules import KnownDerogation
from tracker.terms import rules as terms


class PublicationNotFound(NotFound):
    """No such publication, or no such line, in this establishment."""

    code = "publication-not-found"


@dataclass(frozen=True, slots=True)
class PublicationView:
    """One uploaded list with its file, and how many of its lines wait for a decision."""

    publication: Publication
    file: Document
    line_count: int
    open_count: int


@dataclass(frozen=True, slots=True)
class LineView:
    """One difference, what was decided on it, and the name that the register has."""

    line: PublicationLine
    decisions: tuple[LineDecision, ...]
    """First one first."""
    designation: str | None
    """Of the register's derogation; None where it has none."""

    @property
    def outcome(self) -> Outcome | None:
        """What was decided last; None where nothing was."""
        return self.decisions[-1].outcome if self.decisions else None


_DECIDED = select(LineDecision.line_id)


def get_publication(session: Session, publication_id: UUID) -> PublicationView:
    """Return one uploaded list.

    Raises:
        PublicationNotFound: there is none with this id here.
    """
    found = _views(session, Publication.id == publication_id, limit=1)
    if not found:
        raise PublicationNotFound(N_("There is no such publication."), next_step=N_("Open the list of publications."))
    return found[0]


def get_publication_for_update(session: Session, publication_id: UUID) -> Publication:
    """Return one uploaded list, locked.

    Raises:
        PublicationNotFound: there is none with this id here.
    """
    statement = select(Publication).where(Publication.id == publication_id).with_for_update()
    found = session.scalar(statement.execution_options(populate_existing=True))
    if found is None:
        raise PublicationNotFound(N_("There is no such publication."), next_step=N_("Open the list of publications."))
    return found


def list_publications(session: Session, *, after: UUID | None, limit: int) -> Sequence[PublicationView]:
    """Return uploaded lists, the newest first; ``after`` is the last one of the page before. One SQL."""
    return _views(session, Publication.id < after if after else True, limit=limit)


def _views(session: Session, condition: object, *, limit: int) -> list[PublicationView]:
    lines = select(func.count()).where(PublicationLine.publication_id == Publication.id)
    waiting = lines.where(PublicationLine.id.not_in(_DECIDED))
    statement = (
        select(Publication, Document, lines.scalar_subquery(), waiting.scalar_subquery())
        .join(Document, Document.id == Publication.document_id)
        .where(condition)  # type: ignore[arg-type] # a comparison, or True for all
        .order_by(Publication.id.desc())
        .limit(limit)
    )
    rows = session.execute(statement.execution_options(populate_existing=True))
    return [PublicationView(*row) for row in rows]


def list_lines(session: Session, publication_id: UUID) -> Sequence[LineView]:
    """Return the differences of a list in their order, with what was decided on each; two SQL."""
    statement = (
        select(PublicationLine, Derogation.designation)
        .outerjoin(Derogation, Derogation.id == PublicationLine.derogation_id)
        .where(PublicationLine.publication_id == publication_id)
        .order_by(PublicationLine.position)
    )
    rows = session.execute(statement).all()
    decided: dict[UUID, list[LineDecision]] = {}
    of_these = LineDecision.line_id.in_(
        select(PublicationLine.id).where(PublicationLine.publication_id == publication_id)
    )
    for decision in session.scalars(
        select(LineDecision).where(of_these).order_by(LineDecision.decided_at, LineDecision.id)
    ):
        decided.setdefault(decision.line_id, []).append(decision)
    return [LineView(line, tuple(decided.get(line.id, ())), designation) for line, designation in rows]


def list_standings(
    session: Session, derogation_ids: Collection[UUID], *, day: date, known_at: datetime
) -> Sequence[DerogationStanding]:
    """Return what the register says of the derogations that lines are about; one SQL, none for none."""
    if not derogation_ids:
        return ()
    statement = derogations.LINES.where(Derogation.id.in_(derogation_ids))
    return derogations.read_lines(session, statement, day=day, known_at=known_at)


def get_line(session: Session, line_id: UUID) -> PublicationLine:
    """Return one difference.

    Raises:
        PublicationNotFound: there is none with this id here.
    """
    line = session.get(PublicationLine, line_id)
    if line is None:
        raise PublicationNotFound(N_("There is no such line."), next_step=N_("Open the list of publications."))
    return line


def lock_line(session: Session, line_id: UUID) -> None:
    """Wait until nobody else decides on one line: its rows are appended only, so no row can be locked."""
    session.execute(_LOCK, {"name": f"publication_line:{line_id}"})


_LOCK = text("select pg_advisory_xact_lock(hashtextextended(:name, 0))")


def list_decisions(session: Session, line_id: UUID) -> Sequence[LineDecision]:
    """Return what was decided on a line, first one first."""
    statement = (
        select(LineDecision).where(LineDecision.line_id == line_id).order_by(LineDecision.decided_at, LineDecision.id)
    )
    return session.scalars(statement).all()


def find_queued(session: Session, *, now: datetime) -> Publication | None:
    """Return the oldest file that waits to be read and that no worker has, locked; None where there is none."""
    is_free = Publication.claimed_until.is_(None) | (Publication.claimed_until < now)
    statement = select(Publication).where(Publication.state == ReadingState.QUEUED, is_free)
    return session.scalar(statement.order_by(Publication.id).limit(1).with_for_update(skip_locked=True))


def list_register(
    session: Session, *, companies: Collection[str], day: date, known_at: datetime
) -> list[KnownDerogation]:
    """Return what a list may speak of: everything but what binds one patient or is made up; three SQL.

    References and spellings are read for the derogations of these companies, mistyped or not.
    """
    standings = [
        one
        for one in derogations.list_standings(session, day=day, known_at=known_at)
        if one.kind is not DerogationKind.INDIVIDUAL and not one.is_fictional
    ]
    names = {one.manufacturer_name for one in standings}
    alike = {name for name in names if any(likeness(name, company) >= SAME_NAME for company in companies)}
    ids = [one.id for one in standings if one.manufacturer_name in alike]
    spellings: dict[UUID, list[str]] = {}
    for alias in session.scalars(select(Alias).where(Alias.derogation_id.in_(ids))):
        spellings.setdefault(alias.derogation_id, []).append(alias.name)
    entries: dict[UUID, list[terms.ScopeFacts]] = {}
    listed = select(ScopeEntry).where(ScopeEntry.derogation_id.in_(ids), ScopeEntry.reading == "")
    for entry in session.scalars(listed):
        entries.setdefault(entry.derogation_id, []).append(derogations.scope_facts(entry))
    return [
        KnownDerogation(
            id=one.id,
            designation=one.designation,
            aliases=tuple(spellings.get(one.id, ())),
            company=one.manufacturer_name,
            status=one.status,
            valid_until=one.valid_until,
            begins_on=one.begins_on,
            references=terms.references_on(entries.get(one.id, ()), day, known_at=known_at),
            is_annual=one.kind is DerogationKind.PARTIAL_REVISION,
        )
        for one in standings
    ]
