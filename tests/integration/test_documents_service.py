"""Frozen files: sealed in the database, hashed, given back byte for byte, and who reads a patient's is told."""

import hashlib

import pytest
from sqlalchemy import text

from tests.hospital import ALICE, CHARLIE, DORA, ERIC, GUY, HOSPITAL_A, HOSPITAL_B, NOW, enter
from tracker import db
from tracker.audit import queries as audit
from tracker.db import Session
from tracker.documents import queries, service
from tracker.documents.models import DocumentKind
from tracker.documents.queries import DocumentNotFound
from tracker.documents.service import FileRefused, NewFile
from tracker.errors import NotPermitted

PDF = b"%PDF-1.7 Marie MARTIN, signed"
PNG = b"\x89PNG\r\n\x1a\n rest"
JPEG = b"\xff\xd8\xff\xe0 rest"


def a_file(content: bytes = PDF, *, filename: str = "consent.pdf", has_patient_data: bool = True) -> NewFile:
    return NewFile(DocumentKind.CONSENT, "patient:1", filename, content, has_patient_data)


def acts(session: Session) -> list[str]:
    return [entry.action for entry in audit.list_entries(session, HOSPITAL_A)]


def test_a_frozen_file_comes_back_byte_for_byte(session: Session) -> None:
    document = service.freeze(session, a_file(), actor=CHARLIE, now=NOW)

    kept, content = service.read_document(session, document.id, actor=CHARLIE, now=NOW)
    assert content == PDF
    assert kept.sha256 == hashlib.sha256(PDF).hexdigest()
    assert (kept.size, kept.media_type, kept.filename) == (len(PDF), "application/pdf", "consent.pdf")


def test_the_content_is_not_in_the_database_in_plain(session: Session) -> None:
    service.freeze(session, a_file(), actor=CHARLIE, now=NOW)

    row, sealed = session.execute(text("select document::text, sealed_content from document")).one()
    assert "MARTIN" not in row
    assert PDF.hex() not in row
    assert b"MARTIN" not in bytes(sealed)


def test_the_trail_keeps_the_hash_and_not_the_content(session: Session) -> None:
    document = service.freeze(session, a_file(), actor=CHARLIE, now=NOW)

    (entry,) = audit.list_entries(session, HOSPITAL_A)
    assert entry.action == "document:frozen"
    assert entry.details == {"kind": "consent", "of": "patient:1", "sha256": document.sha256}


@pytest.mark.parametrize(
    ("content", "media_type"), [(PDF, "application/pdf"), (PNG, "image/png"), (JPEG, "image/jpeg")]
)
def test_the_kind_of_a_file_is_read_in_its_first_bytes(session: Session, content: bytes, media_type: str) -> None:
    document = service.freeze(session, a_file(content, filename="lies.exe"), actor=CHARLIE, now=NOW)

    assert document.media_type == media_type


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b"<html><script>", "neither a PDF"),
        (b" %PDF-1.7", "neither a PDF"),
        (b"%PDF-" + bytes(service.MAX_UPLOAD_BYTES), "larger than 20 MB"),
    ],
    ids=["empty", "page", "space before", "too large"],
)
def test_a_file_that_is_not_kept_leaves_nothing(session: Session, content: bytes, sentence: str) -> None:
    with pytest.raises(FileRefused, match=sentence) as refused:
        service.freeze(session, a_file(content), actor=CHARLIE, now=NOW)

    assert refused.value.next_step
    assert acts(session) == []
    assert session.scalar(text("select count(*) from document")) == 0


def test_a_file_of_exactly_the_limit_is_kept() -> None:
    service.check_upload(b"%PDF-" + bytes(service.MAX_UPLOAD_BYTES - 5))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("décision n° 12.pdf", "décision n_ 12.pdf"),
        ("../../etc/passwd", "passwd"),
        ('a";\r\nSet-Cookie: x', "a____Set-Cookie_ x"),
        (r"C:\files\consent.pdf", "C__files_consent.pdf"),
        ("...", "document"),
        ("", "document"),
        ("x" * 300, "x" * 100),
    ],
)
def test_a_file_name_keeps_only_what_is_harmless(session: Session, given: str, kept: str) -> None:
    document = service.freeze(session, a_file(filename=given), actor=CHARLIE, now=NOW)

    assert document.filename == kept


def test_reading_a_patients_document_is_told_by_the_trail_each_time(session: Session) -> None:
    document = service.freeze(session, a_file(), actor=CHARLIE, now=NOW)

    for actor in (CHARLIE, DORA):
        service.read_document(session, document.id, actor=actor, now=NOW)

    told = audit.list_entries(session, HOSPITAL_A)
    assert [(entry.action, entry.actor_id) for entry in told] == [
        ("document:read", DORA.id),
        ("document:read", CHARLIE.id),
        ("document:frozen", CHARLIE.id),
    ]


def test_reading_a_decision_letter_is_not_told(session: Session) -> None:
    document = service.freeze(session, a_file(has_patient_data=False), actor=ALICE, now=NOW)

    service.read_document(session, document.id, actor=ALICE, now=NOW)

    assert acts(session) == ["document:frozen"]


@pytest.mark.parametrize("has_patient_data", [True, False])
def test_the_administrator_reads_no_document(session: Session, *, has_patient_data: bool) -> None:
    document = service.freeze(session, a_file(has_patient_data=has_patient_data), actor=CHARLIE, now=NOW)

    with pytest.raises(NotPermitted):
        service.read_document(session, document.id, actor=ERIC, now=NOW)


def test_a_document_of_another_establishment_is_not_found(session: Session) -> None:
    document = service.freeze(session, a_file(), actor=CHARLIE, now=NOW)
    session.expunge_all()
    enter(session, HOSPITAL_B)

    with pytest.raises(DocumentNotFound):
        service.read_document(session, document.id, actor=GUY, now=NOW)
    with pytest.raises(DocumentNotFound):
        queries.read_content(session, document.id)


def test_documents_of_one_thing_are_listed_newest_first_without_their_content(session: Session) -> None:
    first = service.freeze(session, a_file(), actor=CHARLIE, now=NOW, document_id=db.new_id())
    second = service.freeze(session, a_file(PNG), actor=CHARLIE, now=NOW.replace(hour=11))
    session.expunge_all()

    listed = queries.list_documents(session, "patient:1", DocumentKind.CONSENT)
    assert [document.id for document in listed] == [second.id, first.id]
    assert all("sealed_content" not in document.__dict__ for document in listed)
    assert queries.list_documents(session, "patient:1", DocumentKind.NOTICE) == []
    assert queries.list_documents(session, "patient:2") == []
