"""The tests' own ground: who is bound by what."""

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from tests.hospital import HOSPITAL_A, HOSPITAL_B, enter
from tracker import db
from tracker.accounts.models import Person
from tracker.organisation.models import Ward


def test_the_session_is_the_programs_role_bound_by_row_level_security(session: Session) -> None:
    seen = session.scalars(select(Person.establishment_id).distinct()).all()

    assert session.scalar(text("select current_user")) == db.APP_ROLE
    assert seen == [HOSPITAL_A]


def test_entering_another_hospital_hides_the_first(session: Session) -> None:
    enter(session, HOSPITAL_B)

    assert session.scalars(select(Person.establishment_id).distinct()).all() == [HOSPITAL_B]


@pytest.mark.parametrize("attempt", [1, 2])
def test_what_a_test_writes_is_gone_for_the_next(session: Session, attempt: int) -> None:
    session.add(Ward(id=db.new_id(), establishment_id=HOSPITAL_A, code="NEW", name="Nouveau"))
    session.flush()

    assert session.scalar(select(func.count()).where(Ward.code == "NEW")) == 1


def test_a_committed_row_is_seen_by_the_next_transaction(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        session.add(Ward(id=db.new_id(), establishment_id=HOSPITAL_A, code="NEW", name="Nouveau"))

    with db.transaction(database, HOSPITAL_A) as session:
        assert session.scalar(select(func.count()).where(Ward.code == "NEW")) == 1
    with db.transaction(database, HOSPITAL_B) as session:
        assert session.scalar(select(func.count()).where(Ward.code == "NEW")) == 0


def test_the_programs_role_makes_no_table(session: Session) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"):
        session.execute(text("create table intruder (id int)"))
