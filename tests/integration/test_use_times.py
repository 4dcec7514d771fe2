"""The time of day of a use: what was decided before it counts, what came later on the same day does not."""

from dataclasses import replace
from datetime import time, timedelta

import pytest
from sqlalchemy.orm import Session

from tests.care import make_consent, make_patient
from tests.hospital import NOW
from tests.integration.test_use_service import PAUL, Scene, count, make_scene, record
from tracker.consents.rules import ConsentEventKind
from tracker.use.rules import UseDayInvalid, UseRefused


@pytest.fixture
def scene(session: Session) -> Scene:
    """Everything holds."""
    return make_scene(session)


def test_a_withdrawal_later_on_the_same_day_takes_nothing_back(session: Session, scene: Scene) -> None:
    now = NOW + timedelta(hours=6)
    make_consent(
        session,
        scene.patient_id,
        scene.derogation_id,
        kind=ConsentEventKind.WITHDRAWN,
        at=NOW + timedelta(hours=3),  # 13:00 in Paris
    )

    for at in (time(13, 0), None):
        with pytest.raises(UseRefused) as refused:
            record(session, scene.use(used_time=at), now=now)
        assert refused.value.findings[0].code == "consent-withdrawn"
    use = record(session, scene.use(used_time=time(12, 59)), now=now)
    assert use.used_at == NOW + timedelta(hours=2, minutes=59)


def test_a_consent_given_later_on_the_same_day_does_not_count(session: Session, scene: Scene) -> None:
    now = NOW + timedelta(hours=6)
    paul = make_patient(session, PAUL)
    make_consent(session, paul, scene.derogation_id, at=NOW + timedelta(hours=3))
    late = replace(scene, patient_id=paul)

    with pytest.raises(UseRefused) as refused:
        record(session, late.use(used_time=time(12, 59)), now=now)
    assert refused.value.findings[0].code == "consent-missing"
    record(session, late.use(used_time=time(13, 0)), now=now)
    assert count(session) == 1


def test_a_time_still_to_come_is_refused(session: Session, scene: Scene) -> None:
    with pytest.raises(UseDayInvalid):
        record(session, scene.use(used_time=time(11, 0)))

    assert count(session) == 0
