"""The gate and the use on PostgreSQL: who gets through, what is written, and what two at once may do."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from tests.care import MARIE, make_consent, make_patient
from tests.hospital import ALICE, CHARLIE, DORA, GUY, HOSPITAL_B, NOW, THEATRE, TODAY, enter
from tests.stock import REFERENCE, a_hold, make_decision, make_definition, make_derogation, make_manufacturer, make_unit
from tracker import db
from tracker.accounts.queries import OperatorInvalid, PersonNotFound
from tracker.actor import Actor
from tracker.audit.models import AuditEntry
from tracker.catalogue.rules import DeviceKind
from tracker.consents.rules import ConsentEventKind
from tracker.derogations import service as register
from tracker.derogations.rules import DecisionKind, DerogationKind
from tracker.derogations.service import NewDecision
from tracker.devices import queries as devices
from tracker.devices import service as device_service
from tracker.devices.models import Movement
from tracker.devices.queries import UnitNotFound, UnitView
from tracker.devices.rules import Event, UnitState
from tracker.errors import NotPermitted
from tracker.organisation.queries import WardNotFound
from tracker.patients.queries import PatientNotFound
from tracker.terms.rules import Conditions, FollowUp
from tracker.use import queries, service
from tracker.use.models import DeviceUse
from tracker.use.queries import UseNotFound
from tracker.use.rules import FINDINGS, Intervention, Side, UseDayInvalid, UseRefused
from tracker.use.service import NewUse, Question, UseChanged

PAUL = replace(MARIE, given_names="Paul", ipp="8009999999")


@dataclass(frozen=True, slots=True)
class Scene:
    """A unit, a patient who consented, and the derogation that allows it."""

    manufacturer_id: UUID
    definition_id: UUID
    derogation_id: UUID
    patient_id: UUID
    unit: UnitView

    def use(self, **changes: object) -> NewUse:
        """Return a use that the gate lets through, some of it replaced."""
        new = NewUse(
            unit_number=self.unit.number,
            patient_id=self.patient_id,
            used_on=TODAY,
            operator_id=CHARLIE.id,
            ward_id=THEATRE,
            side=Side.LEFT,
            intervention=Intervention.PARTIAL_REVISION,
            implanted_system="SCORE, 2011",
            reason="worn insert, the rest is sound",
        )
        return replace(new, **changes)  # type: ignore[arg-type] # names of fields


def make_scene(
    session: Session, *, consents: bool = True, device_kind: DeviceKind = DeviceKind.IMPLANT, **derogation: object
) -> Scene:
    manufacturer_id = make_manufacturer(session)
    definition_id = make_definition(session, manufacturer_id=manufacturer_id, kind=device_kind)
    derogation_id = make_derogation(session, manufacturer_id, **derogation)  # type: ignore[arg-type] # its arguments
    patient_id = make_patient(session)
    if consents:
        make_consent(session, patient_id, derogation_id)
    return Scene(manufacturer_id, definition_id, derogation_id, patient_id, make_unit(session, definition_id))


@pytest.fixture
def scene(session: Session) -> Scene:
    """Everything holds."""
    return make_scene(session)


def record(
    session: Session,
    new: NewUse,
    *,
    use_id: UUID | None = None,
    actor: Actor = DORA,
    now: datetime | None = None,
    today: date = TODAY,
) -> DeviceUse:
    now = now or NOW + (today - TODAY)
    return service.record_use(session, use_id or db.new_id(), new=new, actor=actor, now=now, today=today)


def count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(DeviceUse)) or 0


def actions(session: Session) -> list[str]:
    return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.sequence)))


def refusal(session: Session, new: NewUse, *, today: date = TODAY) -> list[str]:
    """Return the reasons against a use, and check that nothing was written."""
    before = actions(session)
    with pytest.raises(UseRefused) as refused:
        record(session, new, today=today)
    assert count(session) == 0
    assert actions(session) == before
    assert devices.get_unit(session, new.unit_number).state is not UnitState.USED
    return [finding.code for finding in refused.value.findings if FINDINGS[finding.code].blocks]


def test_a_use_that_holds_is_recorded_with_everything(session: Session, scene: Scene) -> None:
    use = record(session, scene.use())

    line = queries.get_use(session, use.id)
    assert line.unit_number == scene.unit.number
    assert (line.reference, line.lot_number) == (REFERENCE, "A1")
    assert (use.patient_id, use.derogation_id) == (scene.patient_id, scene.derogation_id)
    assert (use.operator_name, use.recorded_by_name) == (CHARLIE.display_name, DORA.display_name)
    assert [finding["code"] for finding in use.findings] == [
        "derogation-in-force",
        "implanted-system-to-compare",
        "consent-in-force",
    ]


def test_a_use_moves_its_unit_and_stands_in_the_trail(session: Session, scene: Scene) -> None:
    use = record(session, scene.use())

    assert devices.get_unit(session, scene.unit.number).state is UnitState.USED
    assert devices.life_of(session, scene.unit.id)[-1].event is Event.IMPLANTATION
    assert actions(session)[-2:] == ["unit:used", "use:recorded"]
    entry = session.scalars(select(AuditEntry).order_by(AuditEntry.sequence.desc()).limit(1)).one()
    assert entry.subject == f"use:{use.id}"
    assert entry.details["patient"] == str(scene.patient_id)


def test_a_pharmacist_records_no_use(session: Session, scene: Scene) -> None:
    with pytest.raises(NotPermitted):
        record(session, scene.use(), actor=ALICE)

    assert count(session) == 0


def test_the_same_form_twice_is_one_use(session: Session, scene: Scene) -> None:
    use = record(session, scene.use())
    entries = actions(session)

    assert record(session, scene.use(), use_id=use.id).id == use.id
    assert count(session) == 1
    assert actions(session) == entries


@pytest.mark.parametrize(
    "changes", [{"side": Side.RIGHT}, {"reason": "another"}, {"used_on": TODAY - timedelta(days=1)}]
)
def test_the_same_form_with_another_content_is_refused(
    session: Session, scene: Scene, changes: dict[str, object]
) -> None:
    use = record(session, scene.use())

    with pytest.raises(UseChanged):
        record(session, scene.use(**changes), use_id=use.id)


def test_the_same_form_for_another_unit_is_refused(session: Session, scene: Scene) -> None:
    use = record(session, scene.use())
    other = make_unit(session, scene.definition_id)

    with pytest.raises(UseChanged):
        record(session, scene.use(unit_number=other.number), use_id=use.id)


def test_a_unit_is_used_once(session: Session, scene: Scene) -> None:
    record(session, scene.use())

    with pytest.raises(UseRefused) as refused:
        record(session, scene.use())

    assert refused.value.findings[0].code == "unit-already-used"
    assert count(session) == 1


def test_without_consent_nothing_is_used(session: Session) -> None:
    scene = make_scene(session, consents=False)

    assert refusal(session, scene.use()) == ["consent-missing"]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (ConsentEventKind.INFORMED, "consent-undecided"),
        (ConsentEventKind.REFUSED, "consent-refused"),
    ],
)
def test_a_patient_who_did_not_consent_is_protected(session: Session, kind: ConsentEventKind, reason: str) -> None:
    scene = make_scene(session, consents=False)
    make_consent(session, scene.patient_id, scene.derogation_id, kind=kind)

    assert refusal(session, scene.use()) == [reason]


def test_a_consent_that_was_withdrawn_protects(session: Session) -> None:
    scene = make_scene(session, consents=False)
    make_consent(session, scene.patient_id, scene.derogation_id, at=NOW - timedelta(hours=2))
    make_consent(
        session,
        scene.patient_id,
        scene.derogation_id,
        kind=ConsentEventKind.WITHDRAWN,
        at=NOW - timedelta(hours=1),
    )

    assert refusal(session, scene.use()) == ["consent-withdrawn"]


def test_an_emergency_opens_and_leaves_a_duty(session: Session) -> None:
    scene = make_scene(session, consents=False)
    make_consent(session, scene.patient_id, scene.derogation_id, kind=ConsentEventKind.EMERGENCY)

    use = record(session, scene.use())

    assert "consent-emergency" in [finding["code"] for finding in use.findings]


def test_a_consent_given_after_the_day_of_use_does_not_count(session: Session, scene: Scene) -> None:
    tomorrow = TODAY + timedelta(days=1)
    late = make_scene_of_tomorrow(session, scene)

    assert refusal(session, late.use(used_on=TODAY), today=tomorrow) == ["consent-missing"]
    record(session, late.use(used_on=tomorrow), today=tomorrow)
    assert count(session) == 1


def make_scene_of_tomorrow(session: Session, scene: Scene) -> Scene:
    """Return the scene for Paul, who consents a day later."""
    paul = make_patient(session, PAUL)
    make_consent(session, paul, scene.derogation_id, at=NOW + timedelta(days=1))
    return replace(scene, patient_id=paul)


def test_a_withdrawal_after_the_day_of_use_takes_nothing_back(session: Session, scene: Scene) -> None:
    tomorrow = TODAY + timedelta(days=1)
    make_consent(
        session,
        scene.patient_id,
        scene.derogation_id,
        kind=ConsentEventKind.WITHDRAWN,
        at=NOW + timedelta(days=1) - timedelta(hours=1),
    )

    record(session, scene.use(used_on=TODAY), today=tomorrow)
    assert count(session) == 1


def test_the_consent_of_another_derogation_does_not_count(session: Session) -> None:
    scene = make_scene(session, consents=False)
    other = make_derogation(session, scene.manufacturer_id, references=("OTHER",))
    make_consent(session, scene.patient_id, other)

    assert refusal(session, scene.use()) == ["consent-missing"]


def test_the_last_day_of_a_derogation_counts_and_the_day_after_does_not(session: Session) -> None:
    scene = make_scene(session, valid_until=TODAY)
    tomorrow = TODAY + timedelta(days=1)

    assert refusal(session, scene.use(used_on=tomorrow), today=tomorrow) == ["derogation-ended"]
    record(session, scene.use(used_on=TODAY), today=tomorrow)
    assert count(session) == 1


def test_a_derogation_that_ended_is_refused(session: Session) -> None:
    scene = make_scene(session, valid_until=TODAY - timedelta(days=1))

    assert refusal(session, scene.use()) == ["derogation-ended"]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [(DecisionKind.SUSPENDED, "derogation-suspended"), (DecisionKind.WITHDRAWN, "derogation-withdrawn")],
)
def test_a_decision_that_stops_stops_from_its_day(
    session: Session, scene: Scene, kind: DecisionKind, reason: str
) -> None:
    make_decision(session, scene.derogation_id, kind, effective_from=TODAY)

    assert refusal(session, scene.use()) == [reason]


def test_without_any_derogation_nothing_is_used(session: Session, scene: Scene) -> None:
    definition_id = make_definition(session, reference="Z9", udi_di=None)
    unit = make_unit(session, definition_id)

    assert refusal(session, scene.use(unit_number=unit.number)) == ["derogation-none"]


def test_a_reference_outside_the_scope_is_refused(session: Session, scene: Scene) -> None:
    definition_id = make_definition(session, reference="Z9", udi_di=None, manufacturer_id=scene.manufacturer_id)
    unit = make_unit(session, definition_id)

    assert refusal(session, scene.use(unit_number=unit.number)) == ["reference-not-listed"]


def test_a_complete_replacement_is_refused_under_a_partial_revision_derogation(session: Session, scene: Scene) -> None:
    assert refusal(session, scene.use(intervention=Intervention.COMPLETE_REPLACEMENT)) == ["partial-revision-only"]


def test_a_partial_revision_names_the_implanted_system(session: Session, scene: Scene) -> None:
    assert refusal(session, scene.use(implanted_system="  ")) == ["implanted-system-missing"]


def test_another_derogation_that_allows_the_operation_speaks(session: Session, scene: Scene) -> None:
    wide = make_derogation(session, scene.manufacturer_id, kind=DerogationKind.GLOBAL, valid_until=date(2026, 6, 30))
    make_consent(session, scene.patient_id, wide)

    use = record(session, scene.use(intervention=Intervention.COMPLETE_REPLACEMENT))

    assert use.derogation_id == wide


def test_an_individual_derogation_is_for_its_patient(session: Session) -> None:
    scene = make_scene(session, consents=False)
    paul = make_patient(session, PAUL)
    reference = "IND-1"
    definition_id = make_definition(session, reference=reference, udi_di=None, manufacturer_id=scene.manufacturer_id)
    own = make_derogation(
        session,
        scene.manufacturer_id,
        references=(reference,),
        kind=DerogationKind.INDIVIDUAL,
        patient_id=paul,
    )
    make_consent(session, paul, own)
    unit = make_unit(session, definition_id)

    assert "patient-mismatch" in refusal(session, scene.use(unit_number=unit.number))
    assert record(session, scene.use(unit_number=unit.number, patient_id=paul)).derogation_id == own


def test_a_held_unit_is_refused_with_the_reason(session: Session, scene: Scene) -> None:
    device_service.open_hold(
        session, db.new_id(), number=scene.unit.number, hold=a_hold("seal broken"), actor=ALICE, now=NOW
    )

    with pytest.raises(UseRefused, match="seal broken"):
        record(session, scene.use())


def test_a_unit_in_quarantine_is_refused(session: Session, scene: Scene) -> None:
    unit = make_unit(session, scene.definition_id, hold=a_hold())

    assert refusal(session, scene.use(unit_number=unit.number)) == ["unit-not-released", "unit-on-hold"]


def test_the_last_day_of_shelf_life_counts(session: Session, scene: Scene) -> None:
    last_day = make_unit(session, scene.definition_id, expiration_date=TODAY)
    past = make_unit(session, scene.definition_id, lot_number="B2", expiration_date=TODAY - timedelta(days=1))

    assert refusal(session, scene.use(unit_number=past.number)) == ["shelf-life-past"]
    record(session, scene.use(unit_number=last_day.number))
    assert count(session) == 1


@pytest.mark.parametrize("days", [1, -1])
def test_a_day_in_the_future_or_before_receipt_is_refused(session: Session, scene: Scene, days: int) -> None:
    with pytest.raises(UseDayInvalid):
        record(session, scene.use(used_on=TODAY + timedelta(days=days)))

    assert count(session) == 0


def test_ids_that_name_nothing_are_told_apart(session: Session, scene: Scene) -> None:
    faults: list[tuple[dict[str, object], type[Exception]]] = [
        ({"unit_number": "T590000000178"}, UnitNotFound),
        ({"unit_number": "nonsense"}, UnitNotFound),
        ({"patient_id": db.new_id()}, PatientNotFound),
        ({"operator_id": db.new_id()}, PersonNotFound),
        ({"ward_id": db.new_id()}, WardNotFound),
    ]

    for changes, error in faults:
        with pytest.raises(error):
            record(session, scene.use(**changes))

    assert count(session) == 0


def test_the_operator_is_a_surgeon(session: Session, scene: Scene) -> None:
    with pytest.raises(OperatorInvalid) as refused:
        record(session, scene.use(operator_id=DORA.id))

    assert set(refused.value.fields) == {"operator_id"}
    assert count(session) == 0


def test_another_hospital_finds_neither_unit_nor_use(session: Session, scene: Scene) -> None:
    use = record(session, scene.use())
    enter(session, HOSPITAL_B)
    session.expunge_all()

    with pytest.raises(UseNotFound):
        queries.get_use(session, use.id)
    assert queries.list_uses(session, before=None, limit=10) == []
    with pytest.raises(UnitNotFound):
        record(session, scene.use(), actor=replace(GUY, permissions=CHARLIE.permissions))


def test_the_log_pages_by_day_and_id(session: Session, scene: Scene) -> None:
    uses = [record(session, scene.use(unit_number=make_unit(session, scene.definition_id).number)) for _one in range(3)]
    newest_first = sorted((use.id for use in uses), reverse=True)

    first = queries.list_uses(session, before=None, limit=2)
    rest = queries.list_uses(session, before=(first[-1].use.used_on, first[-1].use.id), limit=2)

    assert [line.use.id for line in [*first, *rest]] == newest_first
    assert [line.use.id for line in queries.list_uses_of_patient(session, scene.patient_id)] == newest_first


def test_the_use_of_a_unit_is_found(session: Session, scene: Scene) -> None:
    assert queries.list_uses_of_device(session, scene.unit.id, limit=2) == []
    assert queries.find_use(session, scene.unit, patient_id=None, day=TODAY) is None

    use = record(session, scene.use())

    assert queries.list_uses_of_device(session, scene.unit.id, limit=2) == [use]
    assert queries.find_use(session, scene.unit, patient_id=None, day=TODAY) == use


def test_the_log_cannot_be_rewritten(session: Session, scene: Scene) -> None:
    use = record(session, scene.use())

    with pytest.raises(ProgrammingError, match="permission denied"), session.begin_nested():
        session.execute(update(DeviceUse).where(DeviceUse.id == use.id).values(patient_id=db.new_id()))


def test_asking_the_gate_writes_nothing(session: Session, scene: Scene) -> None:
    before = actions(session)
    question = Question(scene.patient_id, TODAY, Intervention.PARTIAL_REVISION, "SCORE, 2011")

    check = service.check_use(session, unit=scene.unit, question=question, now=NOW)

    assert check.gate.is_open
    assert actions(session) == before
    assert session.scalar(select(func.count()).select_from(Movement)) == 1


def test_a_place_that_is_taken_is_refused(session: Session) -> None:
    scene = make_scene(session, patient_cap=1)
    record(session, scene.use())
    paul = make_patient(session, PAUL)
    make_consent(session, paul, scene.derogation_id)
    second = make_unit(session, scene.definition_id)

    with pytest.raises(UseRefused, match=r"is reached \(1\)"):
        record(session, scene.use(unit_number=second.number, patient_id=paul))


def test_a_patient_already_counted_takes_no_second_place(session: Session) -> None:
    scene = make_scene(session, patient_cap=1)
    record(session, scene.use())
    second = make_unit(session, scene.definition_id)

    record(session, scene.use(unit_number=second.number))
    assert count(session) == 2


def test_the_conditions_of_the_decision_bind_the_use(session: Session) -> None:
    scene = make_scene(session)
    conditions = Conditions(ward_ids=(db.new_id(),), criteria=("adult",), follow_up=(FollowUp(12, "X-ray"),))
    changed = NewDecision(scene.derogation_id, DecisionKind.CONDITIONS_CHANGED, TODAY, conditions=conditions)
    register.record_decision(session, db.new_id(), new=changed, actor=ALICE, now=NOW)

    with pytest.raises(UseRefused) as refused:
        record(session, scene.use())

    codes = [finding.code for finding in refused.value.findings if FINDINGS[finding.code].blocks]
    assert codes == ["ward-not-allowed", "criteria-unconfirmed"]

    here = NewDecision(
        scene.derogation_id, DecisionKind.CONDITIONS_CHANGED, TODAY, conditions=replace(conditions, ward_ids=(THEATRE,))
    )
    register.record_decision(session, db.new_id(), new=replace(here, decided_on=TODAY), actor=ALICE, now=NOW)
    use = record(session, scene.use(are_criteria_confirmed=True))

    found = {finding["code"]: finding["data"] for finding in use.findings}
    assert found["criteria-confirmed"] == {"criteria": "adult"}
    assert found["follow-up-required"] == {"due_on": "2027-03-02", "what": "X-ray"}
