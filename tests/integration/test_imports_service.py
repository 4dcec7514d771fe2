"""Imports of the catalogue, from the file to its last line, on PostgreSQL."""

from uuid import UUID

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from tests.hospital import ALICE, BOB, GUY, HOSPITAL_A, HOSPITAL_B, NOW, TODAY, enter
from tests.stock import GTIN, make_definition, make_manufacturer
from tracker import db
from tracker.audit.models import AuditEntry
from tracker.catalogue import queries as catalogue
from tracker.catalogue.models import DefinitionChange, DeviceDefinition, Manufacturer
from tracker.errors import NotPermitted, RequestIdReused
from tracker.imports import jobs, queries, service
from tracker.imports.documents import FileUnreadable
from tracker.imports.models import CatalogueImport
from tracker.imports.queries import ImportNotFound
from tracker.imports.rules import ColumnsMissing
from tracker.imports.service import ImportConfirmed

HEADER = "fabricant;reference;designation;type;marque;iud-id\n"
LINES = (
    HEADER
    + f"Serf;R1;Cup;implant;NOVAE;{GTIN}\nSerf;R2;Head;implant;;\nSerf;R1;Cup again;implant;;\nSerf;;x;implant;;\n"
)


def send(session: Session, text: str = LINES, *, import_id: UUID | None = None) -> CatalogueImport:
    return service.send_file(
        session,
        import_id or db.new_id(),
        filename="catalogue.csv",
        content=text.encode(),
        actor=ALICE,
        now=NOW,
    )


def run(database: db.Database, text: str = LINES) -> CatalogueImport:
    """Send and confirm a file, let the worker take it over, and return how it ended."""
    with db.transaction(database, HOSPITAL_A) as session:
        sent = send(session, text)
        session.flush()  # the confirmation locks it
        service.confirm(session, sent.id, actor=ALICE, now=NOW)
    jobs.import_job().run(database, NOW)
    with db.transaction(database, HOSPITAL_A) as session:
        return queries.get_import(session, sent.id)


def count(database: db.Database, table: type[db.Base]) -> int:
    with db.transaction(database, HOSPITAL_A) as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_file_is_taken_over_line_by_line_and_what_is_wrong_is_told(database: db.Database) -> None:
    done = run(database)

    counts = (done.total_count, done.done_count, done.created_count, done.known_count, done.rejected_count)
    assert counts == (4, 4, 2, 0, 2)
    assert [(one["line"], one["code"]) for one in done.errors] == [(4, "repeated"), (5, "missing")]
    assert done.finished_at is not None
    with db.transaction(database, HOSPITAL_A) as session:
        (found,) = catalogue.find_definitions(session, udi_di=GTIN, reference=None)
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "catalogue:imported")).one()
    assert (found.manufacturer_name, found.reference, found.brand) == ("Serf", "R1", "NOVAE")
    assert (entry.actor_id, entry.details) == (ALICE.id, {"created": "2", "changed": "0", "known": "0"})


def test_the_same_file_again_changes_nothing(database: db.Database) -> None:
    run(database)
    again = run(database)

    assert (again.created_count, again.changed_count, again.known_count) == (0, 0, 2)
    assert (count(database, DeviceDefinition), count(database, Manufacturer)) == (2, 1)
    assert count(database, DefinitionChange) == 0


def test_a_known_device_is_completed_and_an_empty_cell_erases_nothing(database: db.Database) -> None:
    run(database)

    done = run(database, HEADER + "Serf;R1;Cup, dual mobility;implant;;in-house\n")

    assert (done.created_count, done.changed_count) == (0, 1)
    with db.transaction(database, HOSPITAL_A) as session:
        (found,) = catalogue.find_definitions(session, udi_di="in-house", reference=None)
        (change,) = catalogue.list_changes(session, found.id)
    assert (found.designation, found.brand) == ("Cup, dual mobility", "NOVAE")
    assert change.changes == {"designation": ["Cup", "Cup, dual mobility"]}
    assert change.source_ref == f"import:{done.id}"


def test_an_import_goes_on_where_it_was_stopped(database: db.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "BATCH", 2)
    text = HEADER + "".join(f"Serf;R{number};Cup;implant;;\n" for number in range(5))
    with db.transaction(database, HOSPITAL_A) as session:
        sent = send(session, text)
        session.flush()  # the confirmation locks it
        service.confirm(session, sent.id, actor=ALICE, now=NOW)
    lines = list(service.read_lines(text.encode(), today=TODAY))
    with db.transaction(database, HOSPITAL_A) as session:
        assert service.take_batch(session, sent.id, lines=lines[:2], done_before=0, actor=ALICE, now=NOW)

    counted = jobs.import_job().run(database, NOW)

    assert counted == 3
    assert count(database, DeviceDefinition) == 5
    with db.transaction(database, HOSPITAL_A) as session:
        assert not service.take_batch(session, sent.id, lines=lines[:2], done_before=0, actor=ALICE, now=NOW)


def test_statements_do_not_grow_with_the_lines(session: Session) -> None:
    statements: list[str] = []
    event.listen(session.connection(), "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    counts = []
    for name, length in (("a", 2), ("b", 200)):
        lines = [f"M{name};{name}{number};D;implant;;\n" for number in range(length)]
        found = list(service.read_lines((HEADER + "".join(lines)).encode(), today=TODAY))
        sent = send(session, HEADER + "".join(lines))
        session.flush()  # the batch locks it
        statements.clear()
        assert service.take_batch(session, sent.id, lines=found, done_before=0, actor=ALICE, now=NOW)
        session.flush()  # the progress is counted with it
        counts.append(len(statements))

    assert counts[0] == counts[1]


def test_a_line_for_a_merged_device_adds_its_codes_to_the_one_that_is_used(session: Session) -> None:
    maker = make_manufacturer(session, "Serf")
    absorbed = make_definition(session, reference="R1", udi_di=None, manufacturer_id=maker)
    survivor = make_definition(session, reference="R9", udi_di=None, manufacturer_id=maker)
    session.get_one(DeviceDefinition, absorbed).merged_into_id = survivor
    found = list(service.read_lines((HEADER + f"Serf;R1;Cup;implant;;{GTIN}\n").encode(), today=TODAY))
    sent = send(session)
    session.flush()  # the batch locks it

    service.take_batch(session, sent.id, lines=found, done_before=0, actor=ALICE, now=NOW)

    assert [one.id for one in catalogue.find_definitions(session, udi_di=GTIN, reference=None)] == [survivor]
    assert [one.id for one in catalogue.find_definitions(session, udi_di=None, reference="R1")] == [survivor]


def test_a_file_that_is_no_catalogue_is_refused_and_nothing_is_kept(session: Session) -> None:
    with pytest.raises(ColumnsMissing):
        send(session, "a;b\n1;2\n")
    with pytest.raises(FileUnreadable):
        send(session, " ")

    assert session.scalar(select(func.count()).select_from(CatalogueImport)) == 0


def test_an_import_is_confirmed_once_by_who_may_in_its_hospital(session: Session) -> None:
    sent, import_id = send(session), db.new_id()
    send(session, import_id=import_id)
    session.flush()  # the confirmation locks it

    assert send(session, import_id=import_id).id == import_id
    with pytest.raises(RequestIdReused):
        send(session, HEADER, import_id=import_id)
    with pytest.raises(NotPermitted):
        service.confirm(session, sent.id, actor=BOB, now=NOW)
    service.confirm(session, sent.id, actor=ALICE, now=NOW)
    with pytest.raises(ImportConfirmed):
        service.confirm(session, sent.id, actor=ALICE, now=NOW)
    session.expunge_all()
    enter(session, HOSPITAL_B)
    with pytest.raises(ImportNotFound):
        service.confirm(session, sent.id, actor=GUY, now=NOW)
