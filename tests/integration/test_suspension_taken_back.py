"""A suspension that ends on the day on which it began, on PostgreSQL."""

from datetime import timedelta

from sqlalchemy.orm import Session

from tests.hospital import ALICE, NOW, TODAY
from tests.stock import make_derogation, make_manufacturer
from tracker import db
from tracker.derogations import queries, service
from tracker.derogations.rules import DecisionKind, DerogationStatus
from tracker.derogations.service import NewDecision


def test_the_end_of_a_suspension_on_its_first_day_takes_its_place_and_what_was_known_before_stays(
    session: Session,
) -> None:
    derogation_id = make_derogation(session, make_manufacturer(session))
    stop = NewDecision(derogation_id, DecisionKind.SUSPENDED, TODAY)
    lift = NewDecision(derogation_id, DecisionKind.REINSTATED, TODAY)
    noon, evening = NOW + timedelta(hours=3), NOW + timedelta(hours=9)
    suspension = service.record_decision(session, db.new_id(), new=stop, actor=ALICE, now=noon)
    id_ = db.new_id()

    first, again = (service.record_decision(session, id_, new=lift, actor=ALICE, now=evening) for _time in range(2))

    assert first == again
    assert first.corrects_id == suspension.id
    standings = [
        queries.get_sheet(session, derogation_id, day=TODAY, known_at=at).status for at in (NOW, noon, evening)
    ]
    assert standings == [DerogationStatus.IN_FORCE, DerogationStatus.SUSPENDED, DerogationStatus.IN_FORCE]
    assert len(queries.list_decisions(session, derogation_id)) == 3
