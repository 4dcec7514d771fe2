"""An uploaded list: kept, read, compared, and approved or declined line by line; two pharmacists at once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from tests import lists
from tests.hospital import ALICE, CHARLIE, GUY, HOSPITAL_B, NOW, TODAY, enter
from tests.lists import ANSM_LIST, GLENOIDS, STEMS
from tests.stock import make_manufacturer
from tracker import db
from tracker.audit.models import AuditEntry
from tracker.coverage import queries as coverage
from tracker.derogations import queries as register
from tracker.derogations import service as derogations
from tracker.derogations.models import Alias, Decision, Derogation
from tracker.derogations.rules import DecisionKind, DerogationKind, DerogationStatus, Domain
from tracker.derogations.service import NewDecision, NewDerogation, NewReference
from tracker.documents.models import Document
from tracker.documents.service import FileRefused
from tracker.errors import NotPermitted, RequestIdReused, TraceError
from tracker.publications import queries, rules, service
from tracker.publications.jobs import read_waiting
from tracker.publications.models import LineDecision, Outcome, Publication, ReadingState
from tracker.publications.queries import LineView, PublicationNotFound
from tracker.publications.rules import LineKind
from tracker.publications.service import NewPublication

URL = "https://trace59.hospital.test"
FILE = UUID(int=0xF11E)
MARCH_2024 = date(2024, 3, 6)


def upload(
    session: Session, content: str | bytes, *, filename: str = "page.html", listed_on: date | None = None
) -> None:
    data = content.encode() if isinstance(content, str) else content
    service.upload(session, FILE, new=NewPublication(filename, data, listed_on), actor=ALICE, now=NOW)


def read(
    session: Session, content: str | bytes, *, filename: str = "page.html", listed_on: date = TODAY
) -> list[LineView]:
    """Upload a list and read it, and return its differences."""
    upload(session, content, filename=filename, listed_on=listed_on)
    data = content.encode() if isinstance(content, str) else content
    reading = rules.read_file(data, filename=filename)
    service.finish_reading(session, FILE, reading=reading, actor=ALICE, now=NOW, today=TODAY)
    return list(queries.list_lines(session, FILE))


def approve(session: Session, view: LineView, *, is_confirmed: bool = False) -> LineDecision:
    return service.approve_line(
        session, view.line.id, is_confirmed=is_confirmed, public_url=URL, actor=ALICE, now=NOW, today=TODAY
    )


def kinds(lines: list[LineView]) -> list[str]:
    return [view.line.kind.value for view in lines]


def test_the_page_of_march_2024_is_eight_new_derogations_and_approving_enters_each(session: Session) -> None:
    lines = read(session, ANSM_LIST.read_bytes(), filename="page.txt", listed_on=MARCH_2024)
    for view in lines:
        approve(session, view)

    assert kinds(lines) == ["new"] * 8
    standings = register.list_standings(session, day=date(2024, 3, 7), known_at=NOW)
    assert len(standings) == 8
    assert {found.status for found in standings} == {DerogationStatus.IN_FORCE}
    score = next(found for found in standings if "genou" in found.designation)
    assert len(register.list_scope(session, score.id)) == 20
    assert score.valid_until == date(2024, 7, 26)
    again = session.scalars(select(Decision).where(Decision.derogation_id == score.id)).one()
    assert again.document_id == session.get_one(Publication, FILE).document_id


def test_a_list_that_was_approved_says_nothing_new(session: Session) -> None:
    for view in read(session, lists.as_html()):
        approve(session, view)
    second = UUID(int=FILE.int + 1)
    service.upload(session, second, new=NewPublication("b.html", lists.as_html().encode(), TODAY), actor=ALICE, now=NOW)
    reading = rules.read_file(lists.as_html().encode(), filename="b.html")

    publication = service.finish_reading(session, second, reading=reading, actor=ALICE, now=NOW, today=TODAY)

    assert (publication.listed_count, publication.unchanged_count) == (4, 4)
    assert queries.list_lines(session, second) == []


def test_reading_changes_nothing_in_the_register(session: Session) -> None:
    read(session, lists.as_html())

    assert session.scalar(select(func.count()).select_from(Derogation)) == 0
    assert session.scalar(select(func.count()).select_from(Decision)) == 0


CODES = tuple(code for code, _label in GLENOIDS.references)


def make_named(
    session: Session, designation: str, *, valid_until: date = GLENOIDS.until, references: tuple[str, ...] = CODES
) -> UUID:
    """Enter a derogation of Orthéa under a name, through the register's own action."""
    id_ = db.new_id()
    new = NewDerogation(
        kind=DerogationKind.PARTIAL_REVISION,
        domain=Domain.JOINT,
        designation=designation,
        manufacturer_id=make_manufacturer(session, "ORTHEA"),
        source="letter",
        partial_revision_only=True,
    )
    derogations.create_derogation(session, id_, new=new, actor=ALICE, now=NOW)
    grant = NewDecision(
        derogation_id=id_,
        kind=DecisionKind.GRANTED,
        effective_from=date(2025, 8, 16),
        valid_until=valid_until,
        added=tuple(NewReference(code) for code in references),
    )
    derogations.record_decision(session, db.new_id(), new=grant, actor=ALICE, now=NOW)
    return id_


def test_a_later_last_day_is_an_extension(session: Session) -> None:
    derogation_id = make_named(session, "Glènes de révision LISA", valid_until=date(2026, 4, 1))
    (line,) = read(session, lists.as_html([GLENOIDS]))

    approve(session, line)

    assert (line.line.kind, line.line.derogation_id, line.designation) == (
        LineKind.EXTENDED,
        derogation_id,
        "Glènes de révision LISA",
    )
    standing = register.get_sheet(session, derogation_id, day=TODAY, known_at=NOW)
    assert standing.valid_until == GLENOIDS.until


def test_a_derogation_in_force_that_the_list_no_longer_names_is_withdrawn_once_approved(session: Session) -> None:
    derogation_id = make_named(session, "Glènes de révision LISA")
    lines = read(session, lists.as_html([STEMS]))

    assert kinds(lines) == ["new", "ended"]
    approve(session, lines[1])
    assert register.get_sheet(session, derogation_id, day=TODAY, known_at=NOW).status is DerogationStatus.WITHDRAWN


def test_references_that_enter_and_leave_the_annex_are_lines_of_their_own(session: Session) -> None:
    known = (*CODES[1:], "3-559999X")
    derogation_id = make_named(session, "Glènes de révision LISA", references=known)
    lines = read(session, lists.as_html([GLENOIDS]))

    assert [(view.line.kind.value, view.line.reference) for view in lines] == [
        ("reference_added", "3-550100S"),
        ("reference_removed", "3-559999X"),
    ]
    for view in lines:
        approve(session, view)
    added = coverage.get_coverage(session, derogation_id, reference="3-550100S", day=TODAY, known_at=NOW)
    gone = coverage.get_coverage(session, derogation_id, reference="3-559999X", day=TODAY, known_at=NOW)
    assert (added.is_listed, gone.is_listed) == (True, False)


def test_an_annex_that_is_not_in_the_file_takes_no_reference_away(session: Session) -> None:
    make_named(session, "Glènes de révision LISA")
    page = lists.as_html([GLENOIDS], rows=lambda _rows: "").replace("Liste de", "Voir la liste des")

    assert kinds(read(session, page)) == []


def test_a_row_that_was_not_understood_takes_no_reference_away(session: Session) -> None:
    make_named(session, "Glènes de révision LISA")
    page = lists.as_html([GLENOIDS]).replace("3-550102M", "3-55O102M")

    assert kinds(read(session, page)) == ["not_understood"]


def test_a_derogation_that_is_gone_from_a_list_partly_understood_says_to_look_there_first(session: Session) -> None:
    make_named(session, "Glènes de révision LISA")
    lines = read(session, lists.as_html([STEMS]).replace("28/02/2027", "31/02/2027"))

    gone = next(view.line for view in lines if view.line.kind is LineKind.ENDED)
    assert gone.why.startswith("Part of the list was not understood")


def test_a_mistyped_name_is_confirmed_by_a_pharmacist_and_known_from_then_on(session: Session) -> None:
    derogation_id = make_named(session, "Glènes de révision LIZA", valid_until=date(2026, 4, 1))
    (line,) = read(session, lists.as_html([GLENOIDS]))

    with pytest.raises(service.MatchUnconfirmed) as refusal:
        approve(session, line)
    assert refusal.value.fields.keys() == {"confirmed"}
    approve(session, line, is_confirmed=True)

    alias = session.scalars(select(Alias)).one()
    assert (alias.derogation_id, alias.name) == (derogation_id, "Glènes de révision LISA")


def test_an_older_list_takes_nothing_back(session: Session) -> None:
    make_named(session, "Glènes de révision LISA", valid_until=date(2027, 8, 15))
    (line,) = read(session, lists.as_html([GLENOIDS]))

    assert line.line.kind is LineKind.EARLIER_END
    with pytest.raises(service.LineNotApprovable):
        approve(session, line)


def test_what_was_not_understood_is_a_line_with_its_text_that_can_be_set_aside(session: Session) -> None:
    page = lists.as_html([GLENOIDS]).replace("15/08/2026", "15/08/2027")
    lines = read(session, page)

    assert kinds(lines) == ["new", "not_understood"]
    assert "15/08/2027" in lines[1].line.told
    with pytest.raises(service.LineNotApprovable):
        approve(session, lines[1])
    decision = service.decline_line(session, lines[1].line.id, reason="asked ANSM", actor=ALICE, now=NOW)
    assert decision.outcome is Outcome.DECLINED


def test_a_line_that_was_declined_may_still_be_approved_and_both_are_kept(session: Session) -> None:
    (line,) = read(session, lists.as_html([STEMS]))
    service.decline_line(session, line.line.id, reason="not ours", actor=ALICE, now=NOW)
    service.approve_line(
        session,
        line.line.id,
        is_confirmed=False,
        public_url=URL,
        actor=ALICE,
        now=NOW + timedelta(minutes=1),
        today=TODAY,
    )

    (view,) = queries.list_lines(session, FILE)
    assert [made.outcome for made in view.decisions] == [Outcome.DECLINED, Outcome.APPROVED]
    with pytest.raises(service.LineDecided):
        service.decline_line(session, line.line.id, reason="after all", actor=ALICE, now=NOW)


def test_declining_needs_a_reason(session: Session) -> None:
    (line,) = read(session, lists.as_html([STEMS]))

    with pytest.raises(service.ReasonMissing):
        service.decline_line(session, line.line.id, reason=" ", actor=ALICE, now=NOW)


def test_a_line_that_the_register_refuses_stays_open_and_writes_nothing(session: Session) -> None:
    (line,) = read(session, lists.as_html([STEMS]), listed_on=date(2027, 3, 1))  # after the last day printed

    with pytest.raises(TraceError):
        with session.begin_nested():
            approve(session, line)

    assert session.scalar(select(func.count()).select_from(Derogation)) == 0
    assert queries.list_lines(session, FILE)[0].outcome is None


def test_the_same_upload_again_is_the_same_row_and_another_file_is_refused(session: Session) -> None:
    upload(session, lists.as_html())
    upload(session, lists.as_html())

    assert session.scalar(select(func.count()).select_from(Document)) == 1
    with pytest.raises(RequestIdReused):
        upload(session, lists.as_html([STEMS]))


def test_the_file_is_kept_as_it_came_and_never_shown_as_a_page(session: Session) -> None:
    upload(session, lists.as_html())

    document = session.scalars(select(Document)).one()
    assert document.media_type == "text/plain; charset=utf-8"
    assert document.size == len(lists.as_html().encode())


def test_every_act_is_in_the_trail(session: Session) -> None:
    lines = read(session, lists.as_html([STEMS, GLENOIDS]))
    approve(session, lines[0])
    service.decline_line(session, lines[1].line.id, reason="not ours", actor=ALICE, now=NOW)

    actions = session.scalars(
        select(AuditEntry.action).where(AuditEntry.subject == f"publication:{FILE}").order_by(AuditEntry.sequence)
    ).all()
    assert actions == [
        "publication:uploaded",
        "publication:read",
        "publication-line:approved",
        "publication-line:declined",
    ]


def test_a_surgeon_neither_uploads_nor_decides(session: Session) -> None:
    (line,) = read(session, lists.as_html([STEMS]))

    with pytest.raises(NotPermitted):
        service.upload(session, db.new_id(), new=NewPublication("a", b"a", None), actor=CHARLIE, now=NOW)
    with pytest.raises(NotPermitted):
        service.approve_line(
            session, line.line.id, is_confirmed=True, public_url=URL, actor=CHARLIE, now=NOW, today=TODAY
        )
    with pytest.raises(NotPermitted):
        service.decline_line(session, line.line.id, reason="no", actor=CHARLIE, now=NOW)


def test_another_hospital_sees_nothing_of_a_list(session: Session) -> None:
    (line,) = read(session, lists.as_html([STEMS]))
    enter(session, HOSPITAL_B)
    session.expunge_all()

    with pytest.raises(PublicationNotFound):
        service.approve_line(session, line.line.id, is_confirmed=False, public_url=URL, actor=GUY, now=NOW, today=TODAY)
    assert queries.list_publications(session, after=None, limit=10) == []


def test_an_empty_file_is_refused(session: Session) -> None:
    with pytest.raises(FileRefused):
        upload(session, b"")


@contextmanager
def counted(session: Session) -> Iterator[list[str]]:
    """Collect the statements that are sent meanwhile."""
    statements: list[str] = []

    def note(*arguments: str) -> None:
        statements.append(arguments[2])

    event.listen(session.connection(), "before_cursor_execute", note)
    yield statements
    event.remove(session.connection(), "before_cursor_execute", note)


def test_the_number_of_statements_does_not_grow_with_the_list(session: Session) -> None:
    counts = []
    for number, items in enumerate(([STEMS], [STEMS, GLENOIDS, *lists.ALL])):
        id_ = UUID(int=FILE.int + 10 + number)
        page = lists.as_html(items).encode()
        service.upload(session, id_, new=NewPublication("a.html", page, TODAY), actor=ALICE, now=NOW)
        reading = rules.read_file(page, filename="a.html")
        session.flush()
        session.expunge_all()
        with counted(session) as statements:
            service.finish_reading(session, id_, reading=reading, actor=ALICE, now=NOW, today=TODAY)
            queries.list_lines(session, id_)
        counts.append(len(statements))

    assert counts[0] == counts[1]


def uploaded(database: db.Database, content: bytes, *, filename: str) -> None:
    with db.transaction(database, ALICE.establishment_id) as session:
        service.upload(session, FILE, new=NewPublication(filename, content, TODAY), actor=ALICE, now=NOW)


def test_the_worker_reads_what_waits_and_tells_how_far_it_is(database: db.Database) -> None:
    uploaded(database, lists.as_pdf(height="8cm", filler=30), filename="page.pdf")

    assert read_waiting(database, NOW) == 1

    with db.transaction(database, ALICE.establishment_id) as session:
        view = queries.get_publication(session, FILE)
        assert (view.publication.state, view.publication.listed_count) == (ReadingState.READ, 4)
        assert view.publication.page_count is not None
        assert view.publication.page_count - 10 < view.publication.pages_read <= view.publication.page_count
        assert (view.line_count, view.open_count) == (4, 4)


def test_a_file_that_cannot_be_read_is_kept_with_the_reason(database: db.Database) -> None:
    uploaded(database, lists.as_pdf()[:900], filename="page.pdf")

    assert read_waiting(database, NOW) == 1

    with db.transaction(database, ALICE.establishment_id) as session:
        publication = queries.get_publication(session, FILE).publication
        assert (publication.state, publication.fault) == (ReadingState.FAILED, "pdf-broken")


def test_two_workers_read_one_file_once(database: db.Database) -> None:
    uploaded(database, lists.as_html().encode(), filename="page.html")
    counts: list[int] = []

    def work() -> None:
        counts.append(read_waiting(database, NOW))

    run_at_once(work, work, work)

    assert sorted(counts) == [0, 0, 1]
    with db.transaction(database, ALICE.establishment_id) as session:
        assert queries.get_publication(session, FILE).line_count == 4


def test_a_file_that_ends_its_worker_three_times_is_given_up(database: db.Database) -> None:
    uploaded(database, lists.as_html().encode(), filename="page.html")
    for attempt in range(4):
        with db.transaction(database, ALICE.establishment_id) as session:
            claimed = service.claim(session, actor=ALICE, now=NOW + timedelta(minutes=3 * attempt))
            assert (claimed is None) == (attempt == 3)

    with db.transaction(database, ALICE.establishment_id) as session:
        assert queries.get_publication(session, FILE).publication.fault == "reader-died"


def run_at_once(*works: object) -> None:
    threads = [threading.Thread(target=work) for work in works]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_two_pharmacists_who_approve_one_line_at_once_record_it_once(database: db.Database) -> None:
    uploaded(database, lists.as_html([GLENOIDS]).encode(), filename="page.html")
    read_waiting(database, NOW)
    with db.transaction(database, ALICE.establishment_id) as session:
        (line,) = queries.list_lines(session, FILE)
    barrier = threading.Barrier(4)
    answers: list[UUID] = []

    def approve_it() -> None:
        barrier.wait()
        with db.transaction(database, ALICE.establishment_id) as session:
            made = service.approve_line(
                session, line.line.id, is_confirmed=False, public_url=URL, actor=ALICE, now=NOW, today=TODAY
            )
            answers.append(made.id)

    run_at_once(*[approve_it] * 4)

    assert len(answers) == 4
    assert len(set(answers)) == 1
    with db.transaction(database, ALICE.establishment_id) as session:
        assert session.scalar(select(func.count()).select_from(Decision)) == 1
        assert session.scalar(select(func.count()).select_from(Derogation)) == 1
        assert session.scalar(select(func.count()).select_from(LineDecision)) == 1


def test_one_who_approves_and_one_who_declines_at_once_leave_one_answer(database: db.Database) -> None:
    uploaded(database, lists.as_html([GLENOIDS]).encode(), filename="page.html")
    read_waiting(database, NOW)
    with db.transaction(database, ALICE.establishment_id) as session:
        (line,) = queries.list_lines(session, FILE)
    barrier = threading.Barrier(2)

    def approve_it() -> None:
        barrier.wait()
        with db.transaction(database, ALICE.establishment_id) as session:
            service.approve_line(
                session, line.line.id, is_confirmed=False, public_url=URL, actor=ALICE, now=NOW, today=TODAY
            )

    def decline_it() -> None:
        barrier.wait()
        try:
            with db.transaction(database, ALICE.establishment_id) as session:
                service.decline_line(session, line.line.id, reason="no", actor=ALICE, now=NOW)
        except service.LineDecided:
            return

    run_at_once(approve_it, decline_it)

    with db.transaction(database, ALICE.establishment_id) as session:
        outcomes = [made.outcome for made in queries.list_decisions(session, line.line.id)]
        assert outcomes in ([Outcome.APPROVED], [Outcome.DECLINED, Outcome.APPROVED])
        assert session.scalar(select(func.count()).select_from(Decision)) == 1
