"""The way to the CE mark and the names of a device on PostgreSQL: appended, audited, answered for a day."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from tests.hospital import ALICE, CHARLIE, HOSPITAL_B, NOW, TODAY, enter
from tests.stock import make_definition, make_derogation, make_manufacturer
from tracker.audit.models import AuditEntry
from tracker.conformity import queries, service
from tracker.conformity.queries import Comparison
from tracker.conformity.rules import (
    Aspect,
    Certificate,
    ExplanationWrong,
    Milestone,
    NamingWrong,
    NoMarkReason,
    Pathway,
    Place,
    RiskClass,
    StatementWrong,
)
from tracker.conformity.service import NewExplanation, NewNaming, NewStatement
from tracker.derogations import queries as derogations
from tracker.derogations.queries import DerogationNotFound
from tracker.errors import NotPermitted, RequestIdReused

FIRST, SECOND = UUID(int=1), UUID(int=2)
PATHWAY = Pathway(
    risk_class=RiskClass.III,
    is_implantable=True,
    exchanges_medicine=False,
    no_mark_reason=NoMarkReason.CERTIFICATE_ENDED,
    certificates=(Certificate("CE 123", "0459 GMED", "05/2024"),),
    milestones=(Milestone(date(2027, 3, 31), "certificate"),),
)


@pytest.fixture
def derogation_id(session: Session) -> UUID:
    """A derogation whose one reference is in the catalogue, as SCORE."""
    maker = make_manufacturer(session)
    make_definition(session, manufacturer_id=maker)
    return make_derogation(session, maker)


def stated(derogation_id: UUID, **changes: object) -> NewStatement:
    new = NewStatement(derogation_id, PATHWAY, TODAY, "letter of the manufacturer")
    return replace(new, **changes)  # type: ignore[arg-type] # names of fields


def state(session: Session, new: NewStatement, statement_id: UUID = FIRST) -> None:
    service.record_statement(session, statement_id, new=new, actor=ALICE, now=NOW, today=TODAY)


def comparison(session: Session, derogation_id: UUID) -> Comparison:
    return queries.compare(session, derogations.get_sheet(session, derogation_id, day=TODAY, known_at=NOW))


def actions(session: Session) -> list[str]:
    return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.sequence)))


def test_a_statement_is_kept_whole_audited_and_recorded_once(session: Session, derogation_id: UUID) -> None:
    for _ in range(2):
        state(session, stated(derogation_id))

    (row,) = queries.list_statements(session, derogation_id, known_at=NOW)
    assert queries.pathway_of(row) == PATHWAY
    assert actions(session).count("conformity:stated") == 1
    with pytest.raises(RequestIdReused):
        state(session, stated(derogation_id, source="another"))


def test_the_latest_statement_of_each_device_speaks_on_its_day(session: Session, derogation_id: UUID) -> None:
    state(session, stated(derogation_id, stated_on=TODAY - timedelta(days=1)))
    state(session, stated(derogation_id, pathway=replace(PATHWAY, risk_class=RiskClass.IIB)), SECOND)
    state(session, stated(derogation_id, reference="1-020163C"), UUID(int=3))
    found = queries.list_statements(session, derogation_id, known_at=NOW)

    present = queries.present_statements(found, TODAY)
    before = queries.present_statements(found, TODAY - timedelta(days=1))

    assert [(row.reference, row.risk_class) for row in present] == [("", RiskClass.IIB), ("1-020163C", RiskClass.III)]
    assert [row.id for row in before] == [FIRST]
    assert queries.list_statements(session, derogation_id, known_at=NOW - timedelta(seconds=1)) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"source": " "},
        {"stated_on": TODAY + timedelta(days=1)},
        {"pathway": replace(PATHWAY, no_mark_reason=NoMarkReason.OTHER)},
    ],
)
def test_an_odd_statement_writes_nothing(session: Session, derogation_id: UUID, changes: dict[str, object]) -> None:
    with pytest.raises(StatementWrong):
        state(session, stated(derogation_id, **changes))

    assert queries.list_statements(session, derogation_id, known_at=NOW) == []


def test_labels_and_documents_are_compared_with_the_decision(session: Session, derogation_id: UUID) -> None:
    assert comparison(session, derogation_id).differences == ()
    notice = NewNaming(derogation_id, Place.INSTRUCTIONS, "edition 3", designation="SOCRE inserts", model="SOCRE")

    for _ in range(2):
        service.record_naming(session, FIRST, new=notice, actor=ALICE, now=NOW)

    found = {one.aspect: one for one in comparison(session, derogation_id).differences}
    assert found[Aspect.DESIGNATION].unexplained == ("SOCRE inserts",)
    assert found[Aspect.MODEL].unexplained == ("SOCRE",)
    labels = next(value for value in found[Aspect.MODEL].values if value.text == "SCORE")
    assert labels.said_by == ((Place.LABEL, "1-020163C"),)


def test_the_same_document_read_again_takes_the_place_of_the_first_reading(
    session: Session, derogation_id: UUID
) -> None:
    wrong = NewNaming(derogation_id, Place.NOTICE, "v1", designation="Other")
    service.record_naming(session, FIRST, new=wrong, actor=ALICE, now=NOW)
    right = replace(wrong, designation="SCORE inserts")

    service.record_naming(session, SECOND, new=right, actor=ALICE, now=NOW + timedelta(seconds=1))

    assert comparison(session, derogation_id).differences == ()


def test_an_explanation_closes_the_difference_it_names(session: Session, derogation_id: UUID) -> None:
    naming = NewNaming(derogation_id, Place.REQUEST, "R-1", manufacturer="Old Name SA")
    service.record_naming(session, FIRST, new=naming, actor=ALICE, now=NOW)
    new = NewExplanation(derogation_id, Aspect.MANUFACTURER, "Old Name SA", "renamed in 2025")

    for _ in range(2):
        service.explain(session, SECOND, new=new, actor=ALICE, now=NOW, today=TODAY)

    found = comparison(session, derogation_id)
    assert (len(found.differences), found.open_count) == (1, 0)
    assert actions(session)[-1] == "conformity:explained"
    with pytest.raises(ExplanationWrong):
        service.explain(session, UUID(int=3), new=new, actor=ALICE, now=NOW, today=TODAY)


def test_what_says_nothing_is_refused(session: Session, derogation_id: UUID) -> None:
    for naming in (
        NewNaming(derogation_id, Place.NOTICE, "v1"),
        NewNaming(derogation_id, Place.NOTICE, " ", model="x"),
    ):
        with pytest.raises(NamingWrong):
            service.record_naming(session, FIRST, new=naming, actor=ALICE, now=NOW)
    nothing = NewExplanation(derogation_id, Aspect.MODEL, "x", "because")
    with pytest.raises(ExplanationWrong):
        service.explain(session, FIRST, new=nothing, actor=ALICE, now=NOW, today=TODAY)


def test_a_surgeon_writes_nothing_and_nobody_rewrites(session: Session, derogation_id: UUID) -> None:
    naming = NewNaming(derogation_id, Place.NOTICE, "v1", model="x")
    with pytest.raises(NotPermitted):
        service.record_statement(session, FIRST, new=stated(derogation_id), actor=CHARLIE, now=NOW, today=TODAY)
    with pytest.raises(NotPermitted):
        service.record_naming(session, FIRST, new=naming, actor=CHARLIE, now=NOW)
    state(session, stated(derogation_id))
    with pytest.raises(DatabaseError), session.begin_nested():
        session.execute(text("update conformity_statement set source = 'x'"))


def test_another_hospital_finds_nothing(session: Session, derogation_id: UUID) -> None:
    enter(session, HOSPITAL_B)
    session.expunge_all()

    with pytest.raises(DerogationNotFound):
        derogations.get_sheet(session, derogation_id, day=TODAY, known_at=NOW)
    assert queries.list_statements(session, derogation_id, known_at=NOW) == []
