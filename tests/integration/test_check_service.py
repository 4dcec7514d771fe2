"""A verdict asked for: nothing is written, and it costs few statements."""

from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from tests.bench import (
    LABEL,
    SERIAL_LABEL,
    actions,
    count,
    counted,
    read,
)
from tests.hospital import ALICE, CHARLIE, FANNY, NOW, TODAY
from tests.stock import (
    make_definition,
    make_derogation,
    make_manufacturer,
    make_unit,
)
from tracker.checks import service
from tracker.checks.rules import ScanEmpty
from tracker.devices.models import Device
from tracker.errors import NotPermitted
from tracker.findings.rules import Outcome
from tracker.verdicts.rules import Purpose


@pytest.fixture
def definition_id(session: Session) -> UUID:
    """SCORE insert C 14 mm under a derogation in force."""
    maker = make_manufacturer(session)
    definition_id = make_definition(session, manufacturer_id=maker)
    make_derogation(session, maker)
    return definition_id


def test_the_verdict_writes_nothing(session: Session, definition_id: UUID) -> None:
    before = actions(session)

    found = service.check(session, scan=read(LABEL), today=TODAY, now=NOW, actor=CHARLIE)

    assert found.verdict.outcome is Outcome.ACCEPTED
    assert found.definition is not None
    assert found.definition.id == definition_id
    assert found.coverage is not None
    assert actions(session) == before
    assert count(session, Device) == 0


def test_an_auditor_may_not_ask_for_a_verdict(session: Session) -> None:
    with pytest.raises(NotPermitted):
        service.check(session, scan=read(LABEL), today=TODAY, now=NOW, actor=FANNY)


def test_a_verdict_takes_at_most_six_statements(session: Session, definition_id: UUID) -> None:
    make_unit(session, definition_id, serial_number="S1")

    for raw, purpose in ((LABEL, Purpose.RECEIVE), (SERIAL_LABEL, Purpose.USE), ("hello", Purpose.RECEIVE)):
        with counted(session) as statements:
            service.check(session, scan=read(raw), today=TODAY, now=NOW, actor=ALICE, purpose=purpose)
        assert 1 <= len(statements) <= 6, statements


@pytest.mark.parametrize("raw", ["", " ", "\r\n", "\t"])
def test_nothing_scanned_is_no_question(session: Session, raw: str) -> None:
    with pytest.raises(ScanEmpty):
        service.check(session, scan=read(raw), today=TODAY, now=NOW, actor=ALICE)
