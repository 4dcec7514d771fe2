"""Incidents sent, or declared, twice at once; what a list of them costs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from sqlalchemy import Engine, event, func, select
from sqlalchemy.orm import Session

from tests.hospital import BOB, CHARLIE, HOSPITAL_A, NOW, TODAY
from tests.stock import make_definition, make_unit
from tracker import db
from tracker.db import Database, transaction
from tracker.lots.models import LotHold
from tracker.outbox.models import Message
from tracker.vigilance import queries, service
from tracker.vigilance.models import Incident, IncidentReport
from tracker.vigilance.rules import (
    Basis,
    Consequence,
    CorrespondentPart,
    DevicePlace,
    IncidentFacts,
    Narrative,
)
from tracker.vigilance.service import NewIncident

FACTS = IncidentFacts(
    occurred_on=TODAY,
    detected_on=TODAY,
    place="Bloc",
    consequences=(Consequence.RISK_ONLY,),
    narrative=Narrative(description="Emballage percé."),
    device_place=DevicePlace.PHARMACY,
    is_device_kept=True,
)


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """Collect the statements that reach the database."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_the_list_of_incidents_takes_two_statements_whatever_the_size(session: Session, engine: Engine) -> None:
    definition_id = make_definition(session)
    for _ in range(5):
        unit = make_unit(session, definition_id)
        new = NewIncident(unit.number, None, FACTS)
        service.declare(session, db.new_id(), new=new, actor=CHARLIE, now=NOW, today=TODAY)
    session.expunge_all()

    with counted(engine) as statements:
        assert len(queries.list_incidents(session)) == 5

    assert len(statements) == 2


def test_two_transmissions_at_once_send_one_pair_of_reports(database: Database) -> None:
    incident_id = db.new_id()
    with transaction(database, HOSPITAL_A) as session:
        unit = make_unit(session, make_definition(session))
        new = NewIncident(unit.number, None, FACTS)
        service.declare(session, incident_id, new=new, actor=CHARLIE, now=NOW, today=TODAY)
    made: list[set[UUID]] = []
    meeting = threading.Barrier(2)

    def transmit() -> None:
        meeting.wait()
        with transaction(database, HOSPITAL_A) as session:
            reports = service.transmit(
                session,
                incident_id,
                part=CorrespondentPart(Basis.MANDATORY),
                ansm_address="ansm@test.test",
                actor=BOB,
                now=NOW,
                today=TODAY,
            )
            made.append({report.id for report in reports})

    threads = [threading.Thread(target=transmit) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert made[0] == made[1]
    with transaction(database, HOSPITAL_A) as session:
        assert session.scalar(select(func.count()).select_from(Message)) == 2
        assert session.scalar(select(func.count()).select_from(IncidentReport)) == 2


def test_the_same_declaration_sent_twice_at_once_is_one_incident(database: Database) -> None:
    incident_id = db.new_id()
    with transaction(database, HOSPITAL_A) as session:
        unit = make_unit(session, make_definition(session))
    meeting = threading.Barrier(2)
    numbers: list[int] = []

    def declare() -> None:
        meeting.wait()
        with transaction(database, HOSPITAL_A) as session:
            new = NewIncident(unit.number, None, FACTS)
            incident = service.declare(session, incident_id, new=new, actor=CHARLIE, now=NOW, today=TODAY)
            numbers.append(incident.number)

    threads = [threading.Thread(target=declare) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(numbers) == 2
    assert len(set(numbers)) == 1
    with transaction(database, HOSPITAL_A) as session:
        assert session.scalar(select(func.count()).select_from(Incident)) == 1
        assert session.scalar(select(func.count()).select_from(LotHold)) == 1
