"""Planned operations on PostgreSQL: planned once, closed once, found by derogation or device, warned of once."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tests.bench import actions, counted
from tests.care import make_patient
from tests.hospital import ALICE, CHARLIE, DORA, GUY, HOSPITAL_A, HOSPITAL_B, NOW, TODAY, enter
from tests.stock import REFERENCE, make_decision, make_definition, make_derogation, make_manufacturer
from tracker import db
from tracker.accounts.queries import OperatorInvalid
from tracker.actor import Actor, system_actor
from tracker.alerts import queries as alert_queries
from tracker.alerts import service as alerts
from tracker.derogations.rules import DecisionKind, DerogationStatus
from tracker.devices.rules import ReasonMissing
from tracker.errors import NotPermitted
from tracker.operations import queries, service
from tracker.operations.models import PlannedOperation
from tracker.operations.queries import OperationLine, OperationNotFound
from tracker.operations.rules import PlanInvalid
from tracker.operations.service import NewOperation, OperationChanged
from tracker.outbox.models import Message
from tracker.outbox.rules import MessageState

END = date(2026, 12, 31)
BEFORE, AFTER = END - timedelta(days=1), END + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Scene:
    """A patient, a derogation until the end of the year, and the device it lists."""

    patient_id: UUID
    derogation_id: UUID
    definition_id: UUID

    def wanted(self, **changes: object) -> NewOperation:
        """Return an operation under the derogation, some of it replaced."""
        new = NewOperation(self.patient_id, BEFORE, CHARLIE.id, derogation_id=self.derogation_id)
        return replace(new, **changes)


@pytest.fixture
def scene(session: Session) -> Scene:
    """The scene of each test."""
    maker = make_manufacturer(session)
    definition_id = make_definition(session, manufacturer_id=maker)
    return Scene(make_patient(session), make_derogation(session, maker, valid_until=END), definition_id)


def plan(session: Session, new: NewOperation, *, id_: UUID | None = None, actor: Actor = DORA) -> PlannedOperation:
    return service.plan_operation(session, id_ or db.new_id(), new=new, actor=actor, now=NOW, today=TODAY)


def sweep(session: Session) -> int:
    return alerts.raise_warnings(
        session,
        thresholds=(7,),
        public_url="https://trace59.hospital-1.test",
        actor=system_actor(HOSPITAL_A),
        now=NOW,
        today=TODAY,
    )


def mails(session: Session) -> list[Message]:
    return list(session.scalars(select(Message).order_by(Message.recipient)))


def days(lines: list[OperationLine]) -> list[date]:
    return [line.operation.planned_on for line in lines]


def test_an_operation_is_planned_once_however_often_it_is_sent(session: Session, scene: Scene) -> None:
    planned = plan(session, scene.wanted())
    before = actions(session)

    again = plan(session, scene.wanted(), id_=planned.id)

    assert again.id == planned.id
    assert (planned.operator_name, planned.recorded_by_name) == (CHARLIE.display_name, DORA.display_name)
    assert before[-1] == "operation:planned"
    assert actions(session) == before


def test_the_same_request_for_another_day_is_refused(session: Session, scene: Scene) -> None:
    planned = plan(session, scene.wanted())

    with pytest.raises(OperationChanged):
        plan(session, scene.wanted(planned_on=AFTER), id_=planned.id)


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"planned_on": TODAY - timedelta(days=1)}, "planned_on"), ({"derogation_id": None}, "derogation_id")],
)
def test_what_cannot_be_planned_is_refused_and_nothing_written(
    session: Session, scene: Scene, changes: dict[str, object], field: str
) -> None:
    before = actions(session)

    with pytest.raises(PlanInvalid) as refused:
        plan(session, scene.wanted(**changes))

    assert list(refused.value.fields) == [field]
    assert actions(session) == before


def test_who_may_not_use_a_device_plans_nothing(session: Session, scene: Scene) -> None:
    with pytest.raises(NotPermitted):
        plan(session, scene.wanted(), actor=ALICE)


def test_the_operator_is_a_surgeon(session: Session, scene: Scene) -> None:
    with pytest.raises(OperatorInvalid):
        plan(session, scene.wanted(operator_id=DORA.id))


def test_an_operation_is_closed_once_with_its_reason(session: Session, scene: Scene) -> None:
    planned = plan(session, scene.wanted())

    closed = service.close_operation(session, planned.id, reason=" postponed ", actor=CHARLIE, now=NOW)
    again = service.close_operation(session, planned.id, reason="postponed", actor=DORA, now=NOW)

    assert (closed.close_reason, again.closed_by_name) == ("postponed", CHARLIE.display_name)
    assert actions(session).count("operation:closed") == 1
    with pytest.raises(OperationChanged):
        service.close_operation(session, planned.id, reason="done", actor=DORA, now=NOW)
    with pytest.raises(ReasonMissing):
        service.close_operation(session, planned.id, reason=" ", actor=DORA, now=NOW)
    assert queries.list_open_operations(session, from_day=TODAY) == []


def test_the_database_refuses_to_move_an_operation(session: Session, scene: Scene) -> None:
    planned = plan(session, scene.wanted())

    with pytest.raises(DBAPIError, match="permission denied"), session.begin_nested():
        session.execute(update(PlannedOperation).where(PlannedOperation.id == planned.id).values(planned_on=AFTER))


def test_another_hospital_finds_nothing(session: Session, scene: Scene) -> None:
    planned = plan(session, scene.wanted())
    enter(session, HOSPITAL_B)
    session.expunge_all()

    assert queries.list_open_operations(session, from_day=TODAY) == []
    with pytest.raises(OperationNotFound):
        service.close_operation(
            session, planned.id, reason="no", actor=replace(GUY, permissions=DORA.permissions), now=NOW
        )


def test_operations_are_found_by_derogation_or_by_device_from_a_day_on_in_one_statement(
    session: Session, scene: Scene
) -> None:
    plan(session, scene.wanted(planned_on=AFTER))
    plan(session, scene.wanted(derogation_id=None, definition_id=scene.definition_id))
    plan(session, scene.wanted(planned_on=TODAY))
    closed = plan(session, scene.wanted())
    service.close_operation(session, closed.id, reason="given up", actor=DORA, now=NOW)
    tomorrow = TODAY + timedelta(days=1)

    with counted(session) as statements:
        both = queries.list_planned_operations(
            session, from_day=tomorrow, derogation_ids=[scene.derogation_id], definition_ids=[scene.definition_id]
        )
    by_device = queries.list_planned_operations(session, from_day=tomorrow, definition_ids=[scene.definition_id])

    assert days(both) == [BEFORE, AFTER]
    assert days(by_device) == [BEFORE]
    assert by_device[0].reference == REFERENCE
    assert len(statements) == 1
    assert queries.list_planned_operations(session, from_day=tomorrow) == []


@pytest.mark.parametrize("by_device", [False, True])
def test_the_last_day_is_covered_and_the_day_after_is_not(session: Session, scene: Scene, *, by_device: bool) -> None:
    names = {"derogation_id": None, "definition_id": scene.definition_id} if by_device else {}
    on_time, late = (plan(session, scene.wanted(planned_on=day, **names)) for day in (END, AFTER))

    outlooks = [
        queries.find_outlook(session, queries.get_operation(session, one.id), known_at=NOW) for one in (on_time, late)
    ]

    assert [outlook.is_covered for outlook in outlooks] == [True, False]
    assert (outlooks[1].status, outlooks[1].valid_until) == (DerogationStatus.ENDED, END)


def test_an_operation_after_the_end_is_warned_of_once_and_names_no_patient(session: Session, scene: Scene) -> None:
    plan(session, scene.wanted())
    plan(session, scene.wanted(planned_on=AFTER))

    raised = [sweep(session) for _run in range(3)]

    assert raised == [1, 0, 0]
    assert [mail.recipient for mail in mails(session)] == ["charlie@hospital.test", "pharmacie@hospital-1.test"]
    assert "01/01/2027" in mails(session)[0].subject
    assert all("MARTIN" not in mail.body + mail.subject for mail in mails(session))
    shown = alert_queries.list_operation_alerts(session, from_day=TODAY, limit=10)
    assert [(alert.planned_on, alert.valid_until) for alert in shown] == [(AFTER, END)]


def test_an_extension_withdraws_the_warning_and_its_waiting_mails(session: Session, scene: Scene) -> None:
    plan(session, scene.wanted(planned_on=AFTER))
    sweep(session)
    make_decision(
        session, scene.derogation_id, DecisionKind.EXTENDED, effective_from=TODAY, valid_until=END + timedelta(days=90)
    )

    assert sweep(session) == 0

    assert {mail.state for mail in mails(session)} == {MessageState.CANCELLED}
    assert alert_queries.list_operation_alerts(session, from_day=TODAY, limit=10) == []


def test_an_operation_that_was_given_up_is_shown_no_longer(session: Session, scene: Scene) -> None:
    planned = plan(session, scene.wanted(planned_on=AFTER))
    sweep(session)

    service.close_operation(session, planned.id, reason="given up", actor=CHARLIE, now=NOW)

    assert alert_queries.list_operation_alerts(session, from_day=TODAY, limit=10) == []


def test_a_device_that_no_derogation_covers_is_warned_of(session: Session, scene: Scene) -> None:
    bare = make_definition(session, reference="X-1", udi_di=None)
    plan(session, scene.wanted(derogation_id=None, definition_id=bare))

    assert sweep(session) == 1
    assert "aucune dérogation" in mails(session)[0].body
