"""The home page of each role, and the trail that the auditor reads."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import event, func, select

from tests.care import make_consent, make_patient, make_use
from tests.conftest import DatabaseMaker
from tests.hospital import ALICE, BOB, CHARLIE, DORA, ERIC, FANNY, GUY, HOSPITAL_A, NOW
from tests.pages import words
from tests.stock import a_hold, make_decision, make_definition, make_derogation, make_manufacturer, make_unit
from tests.web.conftest import Person
from tracker import clock, db, schedule
from tracker.actor import Actor, Role, system_actor
from tracker.alerts import jobs
from tracker.alerts.rules import WARNING_JOB
from tracker.arrivals.models import Reception
from tracker.audit import service as audit
from tracker.audit.models import AuditEntry
from tracker.consents.rules import ConsentEventKind
from tracker.db import Database, transaction
from tracker.derogations.rules import DecisionKind
from tracker.outbox import service as outbox
from tracker.outbox.rules import MessageKind
from tracker.outbox.service import NewMessage
from tracker.schedule import Job

LogIn = Callable[[Actor], Person]
DAY = timedelta(days=1)
THRESHOLDS = (180, 90, 60, 30, 14, 7, 1, 0)

FIRST_STEPS = {
    Role.PHARMACIST: ("Open a delivery",),
    Role.SURGEON: ("Check and record",),
    Role.THEATRE_NURSE: ("Check and record",),
    Role.VIGILANCE_OFFICER: ("Declare", "Search"),
    Role.ADMINISTRATOR: ("See",),
    Role.AUDITOR: ("Search", "Open the trail"),
}


def home(person: Person) -> str:
    answer = person.get("/")
    assert answer.status_code == 200
    return words(answer)


def warn(database: Database) -> None:
    jobs.warning_job(thresholds=THRESHOLDS, acknowledgement_days=15, public_url="https://trace59.test").run(
        database, clock.utc_now()
    )


def report_success(database: Database, *, ago: timedelta = timedelta(0), error: str | None = None) -> None:
    now = clock.utc_now() - ago
    with transaction(database, None) as session:
        run_id = schedule.claim_run(session, Job(WARNING_JOB, timedelta(minutes=1), lambda _d, _n: 0), now=now)
        assert run_id is not None
        schedule.finish_run(session, run_id, now=now, done_count=0, error=error)


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(*args: object) -> None:
        statements.append(str(args[2]))

    for engine in database.engines:
        event.listen(engine, "before_cursor_execute", note)
    yield statements
    for engine in database.engines:
        event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("actor", [ALICE, BOB, CHARLIE, DORA, ERIC, FANNY], ids=lambda actor: actor.display_name)
def test_every_role_finds_where_to_begin_and_every_link_opens(person: LogIn, actor: Actor) -> None:
    somebody = person(actor)
    page = somebody.get("/").text

    links = [part.partition('"')[0] for part in page.split('class="next-step-link" href="')[1:]]
    said = words(somebody.get("/"))
    (role,) = actor.roles
    assert len(links) == len(FIRST_STEPS[role])
    assert [step for step in FIRST_STEPS[role] if step not in said] == []
    assert [somebody.get(link).status_code for link in links] == [200] * len(links)


def test_the_pharmacist_sees_what_waits_at_the_bench(person: LogIn, database: Database) -> None:
    with transaction(database, HOSPITAL_A) as session:
        definition = make_definition(session)
        for _unit in range(2):
            make_unit(session, definition, hold=a_hold())
        make_unit(session, definition)
        session.add(
            Reception(
                id=db.new_id(),
                establishment_id=HOSPITAL_A,
                supplier="Amplitude",
                delivery_note="",
                order_number="",
                note="",
                opened_at=NOW,
                opened_by_id=ALICE.id,
                opened_by_name="Alice Test",
            )
        )

    said = home(person(ALICE))

    assert "Deliveries open 1" in said
    assert "Units in quarantine 2" in said
    assert "quarantine" not in home(person(CHARLIE)).lower()
    assert "Deliveries open" not in home(person(GUY))


def test_the_theatre_sees_the_patients_who_must_still_be_informed(
    person: LogIn, database: Database, make_database: DatabaseMaker, database_name: str
) -> None:
    with transaction(database, HOSPITAL_A) as session:
        maker = make_manufacturer(session)
        unit = make_unit(session, make_definition(session, manufacturer_id=maker))
        derogation, patient = make_derogation(session, maker), make_patient(session)
        make_use(session, unit.id, patient_id=patient, derogation_id=derogation)
        emergency = make_consent(session, patient, derogation, kind=ConsentEventKind.EMERGENCY)
    with psycopg.connect(make_database.superuser_url(database_name).replace("+psycopg", "")) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("update device_use set consent_event_id = %s", [emergency])
        connection.execute("delete from consent_event where id <> %s", [emergency])

    assert "Patients to inform 1" in home(person(CHARLIE))

    with transaction(database, HOSPITAL_A) as session:
        make_consent(session, patient, derogation, kind=ConsentEventKind.INFORMED, at=NOW + timedelta(hours=1))
    assert "Patients to inform" not in home(person(CHARLIE))


def test_the_theatre_sees_who_was_informed_and_has_not_decided(person: LogIn, database: Database) -> None:
    now = clock.utc_now()
    with transaction(database, HOSPITAL_A) as session:
        derogation, patient = make_derogation(session, make_manufacturer(session)), make_patient(session)
        make_consent(session, patient, derogation, kind=ConsentEventKind.INFORMED, at=now - 10 * DAY)

    assert "Consents awaited 1" in home(person(DORA))

    with transaction(database, HOSPITAL_A) as session:
        make_consent(session, patient, derogation, kind=ConsentEventKind.REFUSED, at=now - 9 * DAY)
    assert "Consents awaited" not in home(person(DORA))


def test_a_message_that_waits_too_long_is_told_to_those_who_read_messages(person: LogIn, database: Database) -> None:
    new = NewMessage(
        kind=MessageKind.REPORT_ANSM,
        idempotency_key="1",
        subject_ref="incident:1",
        recipient="ansm@ansm.test",
        subject="Report",
        body="Report",
    )
    with transaction(database, HOSPITAL_A) as session:
        outbox.queue(session, new=new, actor=BOB, now=clock.utc_now() - timedelta(hours=1))

    assert "Messages waiting 1" in home(person(BOB))
    assert "Messages waiting" not in home(person(CHARLIE))


def test_an_end_that_was_warned_of_is_shown_until_an_extension(person: LogIn, database: Database) -> None:
    today = clock.paris_day(clock.utc_now())
    with transaction(database, HOSPITAL_A) as session:
        derogation = make_derogation(session, make_manufacturer(session), valid_until=today + 30 * DAY)
    warn(database)

    before = home(person(ALICE))
    with transaction(database, HOSPITAL_A) as session:
        make_decision(session, derogation, DecisionKind.EXTENDED, effective_from=today, valid_until=today + 900 * DAY)
    after = home(person(ALICE))

    assert "SCORE inserts" in before
    assert "30 days left" in before
    assert "30 days left" not in after
    assert "No derogation in force ends within the warning thresholds." in after
    assert "Whole register" in after


def test_a_suspended_derogation_is_not_shown_as_if_it_ran_to_its_end(person: LogIn, database: Database) -> None:
    today = clock.paris_day(clock.utc_now())
    with transaction(database, HOSPITAL_A) as session:
        derogation = make_derogation(session, make_manufacturer(session), valid_until=today + 30 * DAY)
    warn(database)
    before = home(person(ALICE))
    with transaction(database, HOSPITAL_A) as session:
        make_decision(session, derogation, DecisionKind.SUSPENDED, effective_from=today)

    assert "30 days left Suspended" in home(person(ALICE))
    assert "Suspended" not in before


@pytest.mark.parametrize(("left", "said"), [(1, "1 day left"), (0, "last day today")])
def test_the_last_days_are_told_in_words(person: LogIn, database: Database, left: int, said: str) -> None:
    today = clock.paris_day(clock.utc_now())
    with transaction(database, HOSPITAL_A) as session:
        make_derogation(session, make_manufacturer(session), valid_until=today + left * DAY)
    warn(database)

    assert said in home(person(ALICE))


def test_whoever_may_not_read_the_register_gets_no_link_to_it(person: LogIn, database: Database) -> None:
    today = clock.paris_day(clock.utc_now())
    with transaction(database, HOSPITAL_A) as session:
        make_derogation(session, make_manufacturer(session), valid_until=today + 30 * DAY)
    warn(database)

    page = person(ERIC).get("/").text

    assert "SCORE inserts" in page
    assert "/derogations" not in page


def test_the_home_page_shows_when_the_warnings_last_ran(person: LogIn, database: Database) -> None:
    alice = person(ALICE)
    assert "Last success: never." in home(alice)

    report_success(database, ago=timedelta(hours=4))
    assert "The warnings have not run lately." in home(alice)

    report_success(database)
    assert "Last successful check of all ends:" in home(alice)
    assert "have not run lately" not in home(alice)


def test_the_home_page_takes_as_many_statements_with_a_hundred_units_as_with_none(
    person: LogIn, database: Database
) -> None:
    alice = person(ALICE)
    home(alice)
    with counted(database) as empty:
        home(alice)

    with transaction(database, HOSPITAL_A) as session:
        maker = make_manufacturer(session)
        definition = make_definition(session, manufacturer_id=maker)
        for _number in range(30):
            make_unit(session, definition, hold=a_hold())
            make_derogation(session, maker, valid_until=clock.paris_day(clock.utc_now()) + 30 * DAY)
    warn(database)
    with counted(database) as full:
        home(alice)

    assert len(full) == len(empty) + 1  # the derogations whose end is near, read together
    assert len(full) <= 15


def append(database: Database, number: int, *, actor: Actor = ALICE) -> None:
    with transaction(database, actor.establishment_id) as session:
        audit.append(
            session,
            actor=actor,
            action="device:received",
            subject=f"device:{number}",
            details={"lot": f"A{number}"},
            now=NOW,
        )


def count_of(database: Database) -> int:
    with transaction(database, HOSPITAL_A) as session:
        return session.scalar(select(func.count()).select_from(AuditEntry)) or 0


def test_the_auditor_reads_the_newest_acts_first_page_by_page(person: LogIn, database: Database) -> None:
    for number in range(1, 61):
        append(database, number)
    fanny = person(FANNY)

    first = fanny.get("/audit")
    second = fanny.get("/audit?before=12")

    assert words(first).index("device:60") < words(first).index("device:59")
    assert "device:1 " not in words(first)
    assert "Older" in words(first)
    assert "lot: A60" in words(first)
    assert "device:1 lot: A1" in words(second)
    assert "Older" not in words(second)
    assert "Newer" in words(second)


def test_the_trail_is_narrowed_to_one_thing(person: LogIn, database: Database) -> None:
    for number in (1, 2, 1):
        append(database, number)

    said = words(person(FANNY).get("/audit?subject=device:2"))

    assert "device:2" in said
    assert "device:1" not in said
    assert "Nothing is recorded about this." in words(person(FANNY).get("/audit?subject=device:9"))


@pytest.mark.parametrize("query", ["before=x", "before=-1", "before=", "subject=%00", "subject='"])
def test_an_odd_question_to_the_trail_is_no_defect(person: LogIn, query: str) -> None:
    assert person(FANNY).get(f"/audit?{query}").status_code in {200, 422}


def test_the_auditor_sees_no_act_of_another_hospital(person: LogIn, database: Database) -> None:
    append(database, 77, actor=GUY)

    assert "device:77" not in words(person(FANNY).get("/audit"))


def test_the_auditor_has_the_chain_verified(person: LogIn, database: Database) -> None:
    append(database, 1)
    fanny = person(FANNY)

    said = words(fanny.post("/audit/verify"))

    assert f"The chain holds: {count_of(database)} entries." in said


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("update audit_entry set action = 'x' where sequence = 2", "broken at entry 2: this entry, or the one before"),
        ("delete from audit_entry where sequence = 2", "broken at entry 2: this entry was removed"),
        ("update audit_head set sequence = 99", "the end of the trail was removed, or its head was moved"),
    ],
)
def test_a_broken_chain_is_told_with_its_place_and_what_to_do(
    person: LogIn, database: Database, make_database: DatabaseMaker, database_name: str, statement: str, said: str
) -> None:
    for number in (1, 2, 3):
        append(database, number)
    fanny = person(FANNY)
    with psycopg.connect(make_database.superuser_url(database_name).replace("+psycopg", "")) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(statement)

    answer = words(fanny.post("/audit/verify"))

    assert said in answer
    assert "call the security officer" in answer


def test_what_the_program_did_by_itself_is_told_in_french(person: LogIn, database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        audit.append(
            session, actor=system_actor(HOSPITAL_A), action="unit:expired", subject="device:1", details={}, now=NOW
        )
    fanny = person(FANNY)
    fanny.client.set_cookie("trace59_locale", "fr")

    page = fanny.get("/audit?subject=device:1").text

    assert "système" in page
    assert ">system<" not in page
