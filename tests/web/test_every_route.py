"""Every route with every role, with nobody, and with a stranger from another hospital.

What is expected comes from the permission that the route declares (``http.permission_of``), so a new route is tested
the day it is written; a route that declares nothing does not let the program start.
"""

import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from config.settings import Settings
from scanners import scan
from tests import lists
from tests.care import make_consent, make_notice, make_patient, make_use
from tests.conftest import DatabaseMaker
from tests.dossiers import make_request
from tests.hospital import (
    ALICE,
    BOB,
    CHARLIE,
    DORA,
    ERIC,
    FANNY,
    GUY,
    HOSPITAL_A,
    HOSPITAL_B,
    KEYRING,
    NOW,
    THEATRE,
    TODAY,
)
from tests.pages import words
from tests.stock import a_hold, make_definition, make_derogation, make_manufacturer, make_unit
from tracker import app as composition
from tracker import clock, db, http
from tracker.accounts import service as accounts
from tracker.accounts.models import Person
from tracker.accounts.rules import SessionPolicy
from tracker.accounts.views import LOCALE_COOKIE, SESSION_COOKIE
from tracker.actor import Actor, Permission, Role
from tracker.app import create_app
from tracker.arrivals.models import Reception
from tracker.db import Database, Session, transaction
from tracker.devices.models import Hold, LotHold
from tracker.devices.rules import EntryMethod
from tracker.dispositions import service as dispositions
from tracker.dispositions.rules import Disposition, NewDisposition
from tracker.documents import service as documents
from tracker.documents.models import DocumentKind
from tracker.documents.service import NewFile
from tracker.imports import service as imports
from tracker.labels import service as labels
from tracker.labels.rules import Layout, Paper
from tracker.operations import service as operations
from tracker.operations.service import NewOperation
from tracker.outbox import jobs
from tracker.outbox import service as outbox
from tracker.outbox.rules import MessageKind
from tracker.outbox.service import NewMessage
from tracker.outbox.transport import mailbox_of
from tracker.publications import service as publications
from tracker.publications.queries import list_lines
from tracker.publications.service import NewPublication
from tracker.recaps import service as recaps
from tracker.recaps.service import Period
from tracker.reception import service as bench
from tracker.stocktaking import service as counts
from tracker.stocktaking.service import NewCount
from tracker.unidentified import service as unidentified
from tracker.unidentified.rules import Cause
from tracker.unidentified.service import NewItem
from tracker.verdicts.queries import Box
from tracker.vigilance import service as vigilance
from tracker.vigilance.rules import Consequence, DevicePlace, IncidentFacts, Narrative
from tracker.vigilance.service import NewIncident
from tracker.workstations import service as workstations

STAFF = (ALICE, BOB, CHARLIE, DORA, ERIC, FANNY)
POLICY = SessionPolicy(idle=timedelta(hours=1), longest=timedelta(hours=12))
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
ALSO_NEEDS = {"outbox.mail_file": Permission.DEROGATION_READ}
"""Routes that need a second right: a message is seen by more people than the file that goes with it."""
ENDS_SESSION = {"accounts.log_out", "accounts.revoke_session", "accounts.change_password"}
NO_BODY = {"GET", "HEAD", "OPTIONS"}


@cache
def every_rule() -> tuple[Rule, ...]:
    """Return the addresses of the program, without its static files; nothing is connected for that."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.from_env({"TRACE59_VAR_DIRECTORY": folder})
    nowhere = db.create_database("postgresql+psycopg://", KEYRING)
    rules = create_app(settings, nowhere).url_map.iter_rules()
    return tuple(sorted((rule for rule in rules if not rule.endpoint.endswith("static")), key=lambda rule: rule.rule))


CALLS = [(rule, method) for rule in every_rule() for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})]
CALLS_WITH_ID = [(rule, method) for rule, method in CALLS if rule.arguments - {"code", "key", "position"}]


INCIDENT = IncidentFacts(
    occurred_on=TODAY,
    detected_on=TODAY,
    place="Theatre",
    consequences=(Consequence.INTERVENTION,),
    narrative=Narrative(description="It broke.", clinical="Revised at once.", measures="Lot kept."),
    device_place=DevicePlace.PHARMACY,
    is_device_kept=True,
)


def named(calls: list[tuple[Rule, str]]) -> list[str]:
    return [f"{method} {rule.rule}" for rule, method in calls]


def message(session: Session, document_id: UUID) -> UUID:
    new = NewMessage(
        kind=MessageKind.REPORT_ANSM,
        idempotency_key="route",
        subject_ref="incident:1",
        recipient="materiovigilance@ansm.test",
        subject="Report",
        body="Report",
        attachments=(document_id,),
    )
    return outbox.queue(session, new=new, actor=BOB, now=NOW).id


def aside(session: Session) -> UUID:
    new = NewItem(Cause.NO_CODE, place="Shelf 4", description="blue box")
    return unidentified.put_aside(session, db.new_id(), new=new, actor=ALICE, now=NOW, today=TODAY).id


def make_recap(session: Session, derogation_id: UUID) -> UUID:
    period = Period(derogation_id, TODAY - timedelta(days=30), TODAY - timedelta(days=1), least_count=5)
    made = recaps.make_recap(session, db.new_id(), period=period, locale="en", actor=ALICE, now=NOW, today=TODAY)
    return made.id


@dataclass(frozen=True, slots=True)
class Ground:
    """The application on a database where hospital A has one of everything."""

    app: Flask
    database: Database
    arguments: dict[str, object]
    """What stands in each address, by the name of its variable."""

    def address(self, rule: Rule) -> str:
        """Return the address of a rule for what hospital A has."""
        values = {name: self.arguments[name] for name in rule.arguments}
        with self.app.test_request_context():
            address: str = self.app.url_map.bind("localhost").build(rule.endpoint, values)
        return address


def an_import(session: Session) -> UUID:
    """Send a catalogue file and return the id of its import."""
    content = b"fabricant;reference;designation;type\nSerf;R1;Cup;implant\n"
    return imports.send_file(session, db.new_id(), filename="c.csv", content=content, actor=ALICE, now=NOW).id


def a_destruction(session: Session, number: str) -> UUID:
    """Ask for the destruction of a unit and return the id of the request."""
    request_id, asked = db.new_id(), NewDisposition(Disposition.DESTRUCTION, "seal broken")
    dispositions.dispose(session, request_id, number=number, new=asked, actor=ALICE, now=NOW)
    return request_id


def line_of(session: Session, reception_id: UUID) -> UUID:
    session.flush()  # the box belongs to the delivery
    box = Box(scan("nothing known", reference_date=TODAY), EntryMethod.SCANNED)
    (line,) = bench.receive(session, db.new_id(), reception_id=reception_id, box=box, actor=ALICE, now=NOW, today=TODAY)
    return line.id


def one_of_everything(session: Session) -> dict[str, object]:
    """Write one of everything that has an address, and return it by the name of its variable."""
    maker = make_manufacturer(session)
    definition = make_definition(session, manufacturer_id=maker)
    unit, used = make_unit(session, definition, hold=a_hold()), make_unit(session, definition, lot_number="B2")
    derogation = make_derogation(session, maker)
    patient = make_patient(session)
    notice = make_notice(session, derogation)
    make_consent(session, patient, derogation, notice_id=notice)
    use = make_use(session, used.id, patient_id=patient, derogation_id=derogation)
    incident = db.new_id()
    told = NewIncident(used.number, patient, INCIDENT)
    vigilance.declare(session, incident, new=told, actor=ALICE, now=NOW, today=TODAY)
    file = NewFile(DocumentKind.DECISION, f"derogation:{derogation}", "d.pdf", b"%PDF-1.7", has_patient_data=False)
    document = documents.freeze(session, file, actor=ALICE, now=NOW).id
    _token, _secret = accounts.create_token(session, name="t", lifetime=timedelta(days=1), actor=ALICE, now=NOW)
    planned = NewOperation(patient, TODAY, CHARLIE.id, derogation_id=derogation)
    operation = operations.plan_operation(session, db.new_id(), new=planned, actor=CHARLIE, now=NOW, today=TODAY)
    session.flush()  # the hold is read
    return {
        "number": unit.number,
        "hold_id": session.query(Hold.id).filter(Hold.device_id == unit.id).scalar(),
        "lot_hold_id": session.query(LotHold.id).scalar(),
        "destruction_id": a_destruction(session, unit.number),
        "manufacturer_id": maker,
        "definition_id": definition,
        "import_id": an_import(session),
        "count_id": counts.open_count(session, db.new_id(), new=NewCount(), actor=ALICE, now=NOW).id,
        "derogation_id": derogation,
        "patient_id": patient,
        "notice_id": notice,
        "use_id": use,
        "operation_id": operation.id,
        "incident_id": incident,
        "recap_id": make_recap(session, derogation),
        "document_id": document,
        "message_id": message(session, document),
        "token_id": _token.id,
        "session_id": db.new_id(),
        "person_id": ALICE.id,
        **one_of_the_office(session),
    }


def one_of_the_office(session: Session) -> dict[str, object]:
    """Write one of everything that needs no unit and no patient."""
    reception = db.new_id()
    session.add(
        Reception(
            id=reception,
            establishment_id=HOSPITAL_A,
            supplier="Amplitude",
            delivery_note="BL-1",
            order_number="",
            note="",
            opened_at=NOW,
            opened_by_id=ALICE.id,
            opened_by_name=ALICE.display_name,
        )
    )
    roll = Layout(Paper.ROLL, 50, 30)
    workstation = workstations.create_workstation(session, db.new_id(), name="Alice 1", actor=ALICE, now=NOW)
    list_id, page = db.new_id(), NewPublication("list.html", lists.as_html([lists.VALVES]).encode(), TODAY)
    publications.receive(session, list_id, new=page, actor=ALICE, now=NOW, today=TODAY)
    return {
        "publication_id": list_id,
        "line_id": list_lines(session, list_id)[0].line.id,
        "reception_id": reception,
        "box_id": line_of(session, reception),
        "request_id": make_request(session),
        "format_id": labels.add_format(session, db.new_id(), name="Roll", layout=roll, actor=ALICE, now=NOW).id,
        "ward_id": THEATRE,
        "recipient_id": UUID(int=THEATRE.int + 1),
        "workstation_id": workstation.id,
        "item_id": aside(session),
        "position": 0,
        "code": "fr",
        "key": "score",
    }


@pytest.fixture(scope="module")
def ground(make_database: DatabaseMaker, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """The application on one database for the whole walk."""
    name, folder = make_database.copy(template), tmp_path_factory.mktemp("var")
    database = db.create_database(make_database.app_url(name), KEYRING)
    with transaction(database, HOSPITAL_A) as session:
        arguments = one_of_everything(session)
    jobs.deliver(database, clock.utc_now(), transport_for=lambda _: mailbox_of(folder), sender="t@localhost")
    with transaction(database, HOSPITAL_B) as session:
        session.execute(update(Person).where(Person.id == GUY.id).values(roles=[role.value for role in Role]))
    yield Ground(create_app(Settings.from_env({"TRACE59_VAR_DIRECTORY": str(folder)}), database), database, arguments)
    database.engine.dispose()
    database.login_engine.dispose()
    make_database.drop(name)


@dataclass
class Walker:
    """A person who tries addresses, with a browser that holds their session and their form token."""

    ground: Ground
    actor: Actor
    client: FlaskClient
    form_token: str

    def call(self, rule: Rule, method: str) -> TestResponse:
        """Try one address as a real form or a real program would."""
        headers = {"X-CSRFToken": self.form_token}
        address = self.ground.address(rule)
        if rule.rule.startswith("/api/") and method not in NO_BODY:
            return self.client.open(address, method=method, json={}, headers=headers)
        return self.client.open(address, method=method, headers=headers)


@pytest.fixture(scope="module")
def walker(ground: Ground) -> Callable[[Actor], Walker]:
    """Maker of walkers; each keeps their session until they end it."""

    @cache
    def log_in(actor: Actor) -> Walker:
        with transaction(ground.database, actor.establishment_id) as session:
            token = accounts.open_session(session, actor=actor, policy=POLICY, user_agent="walk", now=clock.utc_now())
        client = ground.app.test_client()
        client.set_cookie(SESSION_COOKIE, token)
        client.set_cookie(LOCALE_COOKIE, "en")
        found = TOKEN.search(client.get("/account").text)
        assert found is not None
        return Walker(ground, actor, client, found[1])

    def walk(actor: Actor) -> Walker:
        return log_in(actor)

    walk.__dict__["forget"] = log_in.cache_clear
    return walk


def declared(ground: Ground, rule: Rule) -> Permission | str:
    permission = http.permission_of(ground.app, rule.endpoint)
    assert permission is not None
    return permission


@pytest.mark.parametrize(("rule", "method"), CALLS, ids=named(CALLS))
def test_each_role_may_do_what_the_route_declares_and_no_more(
    ground: Ground, walker: Callable[[Actor], Walker], rule: Rule, method: str
) -> None:
    permission = declared(ground, rule)

    answered = {}
    for actor in STAFF:
        answered[actor] = walker(actor).call(rule, method).status_code
        if rule.endpoint in ENDS_SESSION:
            walker.__dict__["forget"]()

    needed = {permission, ALSO_NEEDS.get(rule.endpoint, permission)} - {http.PUBLIC}
    may = {actor: needed <= actor.permissions for actor in STAFF}
    fails = {actor.display_name: status for actor, status in answered.items() if status >= 500}
    refused = {actor.display_name for actor, status in answered.items() if status in {401, 403}}
    assert refused == {actor.display_name for actor in STAFF if not may[actor]}
    assert fails == {} or rule.endpoint == "health"  # no worker runs here, and the health page says so


@pytest.mark.parametrize(("rule", "method"), CALLS, ids=named(CALLS))
def test_nobody_gets_in_without_logging_in(ground: Ground, rule: Rule, method: str) -> None:
    answer = ground.app.test_client().open(ground.address(rule), method=method)

    if declared(ground, rule) == http.PUBLIC:
        assert answer.status_code not in {401, 403}
        assert not (answer.location or "").startswith("/login?next")
    elif rule.rule.startswith("/api/"):
        assert (answer.status_code, answer.get_json()["type"]) == (401, "not-logged-in")
    else:
        assert answer.status_code == 303
        assert answer.location.startswith("/login?next=/")


@pytest.mark.parametrize(("rule", "method"), CALLS_WITH_ID, ids=named(CALLS_WITH_ID))
def test_a_stranger_of_another_hospital_finds_nothing_whatever_their_roles(
    ground: Ground, walker: Callable[[Actor], Walker], rule: Rule, method: str
) -> None:
    answer = walker(GUY).call(rule, method)

    said = words(answer)
    assert answer.status_code in ({404} if method == "GET" else {404, 422})
    assert not [name for name in ("MARTIN", "SCORE", "Amplitude", "Alice") if name in said]


@pytest.mark.parametrize(
    ("rule", "method"),
    [(rule, method) for rule, method in CALLS_WITH_ID if method == "GET"],
    ids=[name for name in named(CALLS_WITH_ID) if name.startswith("GET")],
)
def test_what_the_stranger_does_not_find_is_really_there(
    ground: Ground, walker: Callable[[Actor], Walker], rule: Rule, method: str
) -> None:
    permission = declared(ground, rule)
    actor = next(actor for actor in STAFF if permission in actor.permissions)

    assert walker(actor).call(rule, method).status_code == 200


@pytest.mark.parametrize(
    ("rule", "method"),
    [(rule, method) for rule, method in CALLS if method not in NO_BODY],
    ids=[name for name in named(CALLS) if not name.startswith("GET")],
)
def test_a_forged_form_is_refused_everywhere_whoever_is_logged_in(
    ground: Ground, walker: Callable[[Actor], Walker], rule: Rule, method: str
) -> None:
    permission = declared(ground, rule)
    actor = next(actor for actor in STAFF if permission in {*actor.permissions, http.PUBLIC})

    answer = walker(actor).client.open(ground.address(rule), method=method)

    assert answer.status_code == 400
    assert "form-forged" in answer.text


def test_every_permission_opens_a_route() -> None:
    """A permission that no route asks for is a right nobody can use, or a route that asks for too little."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.from_env({"TRACE59_VAR_DIRECTORY": folder})
    app = create_app(settings, db.create_database("postgresql+psycopg://", KEYRING))

    asked = {http.permission_of(app, rule.endpoint) for rule in app.url_map.iter_rules()}

    assert set(Permission) - asked == {Permission.WARNING_READ}


def test_a_route_that_declares_nothing_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(app: Flask) -> None:
        app.add_url_rule("/careless", "careless", lambda: "")

    monkeypatch.setattr(composition, "_dress", careless)

    with pytest.raises(RuntimeError, match="routes without a declared permission: careless"):
        create_app(
            Settings.from_env({"TRACE59_VAR_DIRECTORY": str(tmp_path)}),
            db.create_database("postgresql+psycopg://", KEYRING),
        )
