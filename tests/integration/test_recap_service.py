"""Recaps from real histories: every use once, nobody named, frozen, handed over, due."""

import io
import random
from collections import Counter
from datetime import date, timedelta
from uuid import UUID

import pypdf
import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from tests.bench import actions, count, counted
from tests.care import MARIE, make_consent, make_patient, make_use
from tests.hospital import ALICE, BOB, CHARLIE, HOSPITAL_B, NOW, THEATRE, TODAY, enter
from tests.stock import a_hold, make_definition, make_derogation, make_manufacturer, make_unit
from tracker import db
from tracker.derogations.queries import DerogationNotFound
from tracker.derogations.rules import DerogationKind
from tracker.devices import queries as device_queries
from tracker.devices import service as devices
from tracker.devices.rules import Event, UnitState
from tracker.documents import queries as documents
from tracker.errors import NotPermitted, RequestIdReused
from tracker.recaps import queries, rules, service
from tracker.recaps.documents import WorkbookWords, workbook
from tracker.recaps.models import RecapRecord
from tracker.recaps.queries import RecapNotFound
from tracker.recaps.rules import Recap, RecapDayWrong, RecapNotAsked, RecapPeriodWrong
from tracker.recaps.service import NewHandover, Period
from tracker.use import service as uses
from tracker.use.rules import Intervention, Side
from tracker.use.service import NewUse
from tracker.vigilance import service as vigilance
from tracker.vigilance.rules import Consequence, DevicePlace, IncidentFacts, Narrative
from tracker.vigilance.service import NewIncident

AFTER = TODAY + timedelta(days=1)
LATER = NOW + timedelta(days=1)
FIRST = date(2025, 3, 2)
WORDS = WorkbookWords(
    used="Used",
    left="Left",
    incidents="Incidents",
    reference="Reference",
    designation="Designation",
    lot="Lot",
    total="Total",
    state="State",
    count="Number",
    case="Case",
    states={state.value: state.value for state in UnitState},
)


class House:
    """A hospital with one annual derogation over two references."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.maker = make_manufacturer(session)
        self.derogation = make_derogation(session, self.maker, references=("R1", "R2"))
        self.definitions = {
            reference: make_definition(session, reference=reference, udi_di=None, manufacturer_id=self.maker)
            for reference in ("R1", "R2", "R3")
        }
        self.patient = make_patient(session)

    def use(self, day: date, reference: str = "R1", lot: str | None = "L1", derogation: UUID | None = None) -> UUID:
        """Implant a unit on a day and return its id."""
        serial = None if lot else str(db.new_id())
        unit = make_unit(self.session, self.definitions[reference], lot_number=lot, serial_number=serial)
        make_use(
            self.session,
            unit.id,
            patient_id=self.patient,
            derogation_id=derogation or self.derogation,
            used_on=day,
        )
        return unit.id

    def recap(self, first: date = FIRST, last: date = TODAY, least: int = 1) -> Recap:
        """Return what a recap made tomorrow says."""
        period = Period(self.derogation, first, last, least)
        return service.preview(self.session, period=period, today=AFTER)

    def freeze(self, recap_id: UUID | None = None, last: date = TODAY) -> RecapRecord:
        """Freeze a recap tomorrow."""
        period = Period(self.derogation, FIRST, last, 5)
        return service.make_recap(
            self.session,
            recap_id or db.new_id(),
            period=period,
            locale="fr",
            actor=ALICE,
            now=LATER,
            today=AFTER,
        )


@pytest.fixture
def house(session: Session) -> House:
    return House(session)


@pytest.mark.parametrize("seed", range(3))
def test_every_use_of_a_history_is_counted_exactly_once(house: House, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a history, not a secret
    other = make_derogation(house.session, house.maker, references=("R1",))
    log: list[tuple[date, str, str, UUID]] = []
    for _ in range(40):
        day = FIRST + timedelta(days=chance.randrange(365))
        told = (
            day,
            chance.choice(["R1", "R2"]),
            chance.choice(["L1", "L2", ""]),
            chance.choice([house.derogation, other]),
        )
        house.use(*told[:2], told[2] or None, told[3])
        log.append(told)
    first, last = FIRST + timedelta(days=60), FIRST + timedelta(days=250)

    recap = house.recap(first, last)

    mine = [one for one in log if one[3] == house.derogation and first <= one[0] <= last]
    assert {(line.reference, line.lot): line.total for line in recap.lines} == Counter(
        (reference, lot) for _day, reference, lot, _derogation in mine
    )
    before, after = house.recap(FIRST, first - timedelta(days=1)), house.recap(last + timedelta(days=1), TODAY)
    assert before.use_count + recap.use_count + after.use_count == len(
        [one for one in log if one[3] == house.derogation]
    )


def test_a_use_recorded_at_the_gate_is_counted(house: House) -> None:
    make_consent(house.session, house.patient, house.derogation)
    unit = make_unit(house.session, house.definitions["R1"], lot_number="G7")
    new = NewUse(
        unit_number=unit.number,
        patient_id=house.patient,
        used_on=TODAY,
        operator_id=CHARLIE.id,
        ward_id=THEATRE,
        side=Side.LEFT,
        intervention=Intervention.PARTIAL_REVISION,
        implanted_system="SCORE knee",
        reason="worn insert",
    )
    uses.record_use(house.session, db.new_id(), new=new, actor=CHARLIE, now=NOW, today=TODAY)

    (line,) = house.recap().lines

    assert (line.reference, line.lot, line.total) == ("R1", "G7", 1)


def test_the_first_and_the_last_day_of_the_period_count(house: House) -> None:
    days = [TODAY - timedelta(days=3), TODAY - timedelta(days=2), TODAY - timedelta(days=1), TODAY]
    for day in days:
        house.use(day)

    assert house.recap(days[1], days[2]).use_count == 2


def test_units_are_told_by_state_at_the_end_of_the_period_and_used_ones_are_not_left(house: House) -> None:
    house.use(TODAY)
    make_unit(house.session, house.definitions["R1"])
    make_unit(house.session, house.definitions["R2"], hold=a_hold())
    make_unit(house.session, house.definitions["R3"])
    failed = make_unit(house.session, house.definitions["R1"])
    devices.mark_used(
        house.session, failed.id, event=Event.FAILED_IMPLANTATION, reason="fell", actor=CHARLIE, now=LATER
    )

    units = {(one.reference, one.state): one.count for one in house.recap().units}

    assert units == {
        ("R1", UnitState.RELEASED): 2,  # the one that fell, fell after the period
        ("R2", UnitState.QUARANTINED): 1,
    }


def test_incidents_are_told_by_case_number_alone(house: House) -> None:
    device_id = house.use(TODAY)
    number = device_queries.get_unit_by_id(house.session, device_id).number
    facts = IncidentFacts(
        occurred_on=TODAY,
        detected_on=TODAY,
        place="Theatre",
        consequences=(Consequence.INTERVENTION,),
        narrative=Narrative(description="It broke.", clinical="Revised.", measures="Kept."),
        device_place=DevicePlace.PHARMACY,
        is_device_kept=True,
    )
    incident = vigilance.declare(
        house.session,
        db.new_id(),
        new=NewIncident(number, house.patient, facts),
        actor=ALICE,
        now=NOW,
        today=TODAY,
    )

    told = house.recap().incidents

    assert len(told) == 1
    assert str(incident.number) in told[0]
    assert house.recap(last=TODAY - timedelta(days=1)).incidents == ()


def test_a_recap_is_frozen_with_its_pdf_and_names_nobody(house: House) -> None:
    house.use(TODAY)
    house.use(TODAY, "R2", None)

    row = house.freeze()

    content = rules.recap_to_json(rules.recap_from_json(row.content))
    document = documents.get_document(house.session, row.document_id)
    reader = pypdf.PdfReader(io.BytesIO(documents.read_content(house.session, document.id)))
    text = "\n".join(page.extract_text() for page in reader.pages)
    assert row.sha256 == rules.recap_hash(content)
    assert document.has_patient_data is False
    assert "R1" in text
    assert [trait for trait in (MARIE.family_name, MARIE.ipp, "Marie", "Charlie") if trait in text + str(content)] == []
    assert "recap:made" in actions(house.session)


def test_what_happens_later_does_not_change_a_frozen_recap(house: House) -> None:
    house.use(TODAY)
    row = house.freeze()

    house.use(TODAY)

    assert rules.recap_from_json(queries.get_recap(house.session, row.id).content).use_count == 1
    assert house.recap().use_count == 2
    with pytest.raises(DatabaseError):
        house.session.connection().exec_driver_sql("update recap set last_day = first_day")


def test_the_same_recap_again_is_one(house: House) -> None:
    recap_id = db.new_id()

    assert house.freeze(recap_id).id == house.freeze(recap_id).id

    assert count(house.session, RecapRecord) == 1
    with pytest.raises(RequestIdReused):
        house.freeze(recap_id, TODAY - timedelta(days=1))


def test_a_refused_recap_writes_nothing(house: House) -> None:
    individual = make_derogation(house.session, house.maker, kind=DerogationKind.GLOBAL)
    asked = {
        RecapNotAsked: Period(individual, FIRST, TODAY, 5),
        RecapPeriodWrong: Period(house.derogation, FIRST, AFTER, 5),
        DerogationNotFound: Period(db.new_id(), FIRST, TODAY, 5),
    }
    for refusal, period in asked.items():
        with pytest.raises(refusal):
            service.make_recap(
                house.session, db.new_id(), period=period, locale="fr", actor=ALICE, now=LATER, today=AFTER
            )
    with pytest.raises(NotPermitted):
        service.make_recap(
            house.session,
            db.new_id(),
            period=Period(house.derogation, FIRST, TODAY, 5),
            locale="fr",
            actor=BOB,
            now=LATER,
            today=AFTER,
        )

    assert count(house.session, RecapRecord) == 0


def hand_over(house: House, recap_id: UUID, day: date = AFTER, handover_id: UUID | None = None) -> None:
    new = NewHandover(recap_id, day, "Amplitude, regulatory affairs")
    service.hand_over(house.session, handover_id or db.new_id(), new=new, actor=ALICE, now=LATER, today=AFTER)


def test_a_handing_over_is_recorded_once(house: House) -> None:
    row, handover_id = house.freeze(), db.new_id()

    for _ in range(2):
        hand_over(house, row.id, handover_id=handover_id)

    assert [one.recipient for one in queries.list_handovers(house.session, row.id)] == ["Amplitude, regulatory affairs"]
    with pytest.raises(RecapDayWrong):
        hand_over(house, row.id, TODAY)
    with pytest.raises(RecapNotFound):
        hand_over(house, db.new_id())


def due(house: House, today: date) -> list[str]:
    found = queries.list_due(house.session, today=today, now=LATER, lead_days=45)
    return [one.standing.designation for one in found]


def test_a_recap_is_due_until_it_is_handed_over_where_units_came_in(house: House) -> None:
    idle = make_derogation(house.session, house.maker, references=("R9",), effective_from=date(2025, 4, 1))
    busy = make_derogation(house.session, house.maker, references=("R3",), effective_from=date(2025, 4, 1))
    before = due(house, AFTER)
    house.use(TODAY, "R3", derogation=busy)
    during = queries.list_due(house.session, today=AFTER, now=LATER, lead_days=45)
    period = Period(busy, FIRST, TODAY, 5)
    row = service.make_recap(
        house.session, db.new_id(), period=period, locale="fr", actor=ALICE, now=LATER, today=AFTER
    )
    made = due(house, AFTER)
    hand_over(house, row.id)

    assert idle not in {one.standing.id for one in during}
    assert before == []
    assert [(one.standing.id, one.due.anniversary) for one in during] == [(busy, date(2026, 4, 1))]
    assert len(made) == 1
    assert due(house, AFTER) == []


def test_a_stranger_finds_no_recap(house: House) -> None:
    row = house.freeze()
    enter(house.session, HOSPITAL_B)
    house.session.expunge_all()  # what the session remembers is not what the hospital may see

    with pytest.raises(RecapNotFound):
        queries.get_recap(house.session, row.id)


def test_the_number_of_statements_does_not_grow_with_the_uses(house: House) -> None:
    house.use(TODAY)
    with counted(house.session) as few:
        house.recap()
    for number in range(12):
        house.use(TODAY - timedelta(days=number * 20), "R2", f"L{number}")
    with counted(house.session) as many:
        recap = house.recap()

    assert recap.use_count == 13
    assert len(many) == len(few) <= 4


def test_the_workbook_holds_the_same_figures_and_no_formula(house: House) -> None:
    house.use(TODAY, lot="=1+1")
    house.use(TODAY, "R2", "L2")
    recap = house.recap()

    content = workbook(recap, WORDS, title="SCORE", made_at=NOW)

    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    used = book.get_sheet_by_name("Used").to_python()
    assert book.sheet_names == ["Used", "Left", "Incidents"]
    assert [row[:3] for row in used[1:3]] == [
        ["R1", "SCORE, insert C 14 mm", "=1+1"],
        ["R2", "SCORE, insert C 14 mm", "L2"],
    ]
    assert used[-1][-1] == recap.use_count
    assert content == workbook(recap, WORDS, title="SCORE", made_at=NOW)
