"""Printing labels on PostgreSQL: every print is logged once, and the second one says so."""

from datetime import date
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from tests.bench import actions, count
from tests.hospital import ALICE, BOB, CHARLIE, FANNY, NOW, TODAY
from tests.stock import make_definition, make_derogation, make_manufacturer, make_unit
from tracker import db
from tracker.actor import Actor
from tracker.errors import NotPermitted
from tracker.labels import service
from tracker.labels.models import LabelPrint


@pytest.fixture
def definition_id(session: Session) -> UUID:
    """SCORE insert C 14 mm under a derogation in force."""
    maker = make_manufacturer(session)
    definition_id = make_definition(session, manufacturer_id=maker)
    make_derogation(session, maker)
    return definition_id


def test_the_label_of_a_unit_is_logged_and_its_second_print_marked(session: Session, definition_id: UUID) -> None:
    number, first_id = make_unit(session, definition_id).number, db.new_id()

    first = service.print_label(session, first_id, number=number, actor=ALICE, now=NOW, today=TODAY)
    again = service.print_label(session, first_id, number=number, actor=ALICE, now=NOW, today=TODAY)
    second = service.print_label(session, db.new_id(), number=number, actor=ALICE, now=NOW, today=TODAY)

    assert (first.is_reprint, again.is_reprint, second.is_reprint) == (False, False, True)
    assert first.derogation_until == date(2026, 12, 31)
    assert count(session, LabelPrint) == 2
    assert actions(session).count("label:printed") == 2


@pytest.mark.parametrize("actor", [BOB, CHARLIE, FANNY])
def test_only_a_pharmacist_prints(session: Session, actor: Actor) -> None:
    with pytest.raises(NotPermitted):
        service.print_label(session, db.new_id(), number="T590000000178", actor=actor, now=NOW, today=TODAY)
