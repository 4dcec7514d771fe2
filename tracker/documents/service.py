"""Freezes files: sealed, hashed, never changed."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from tracker import db
from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.documents import queries
from tracker.documents.models import Document, DocumentKind
from tracker.errors import N_, InvalidInput

MAX_UPLOAD_BYTES = 20 * 1024 * 1024
_SIGNATURES = {"application/pdf": b"%PDF-", "image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
# first bytes: ISO 32000-1 section 7.5.2, PNG section 5.2, JPEG (ISO/IEC 10918-1) marker SOI


class FileRefused(InvalidInput):
    """The uploaded file is empty, too large, or of a kind that is not kept."""

    code = "file-refused"


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file to freeze."""

    kind: DocumentKind
    subject: str
    """``noun:id`` of what it is about."""
    filename: str
    content: bytes
    has_patient_data: bool


def media_type_of(content: bytes, kind: DocumentKind | None = None) -> str:
    """Return the media type by the first bytes; the name and the sender's word count for nothing.

    A saved page is kept as the text that it is: what somebody uploaded is never run as a page of ours.

    Raises:
        FileRefused: neither PDF, PNG nor JPEG, nor a text where a publication is kept.
    """
    for media_type, signature in _SIGNATURES.items():
        if content.startswith(signature):
            return media_type
    if kind is DocumentKind.PUBLICATION:
        return "text/plain; charset=utf-8"
    raise FileRefused(
        N_("The file is neither a PDF nor a PNG or JPEG image."),
        next_step=N_("Scan the document to PDF or take a photo, then send it again."),
    )


def check_upload(content: bytes, kind: DocumentKind | None = None) -> None:
    """Check that an uploaded file may be kept.

    Raises:
        FileRefused: it is empty, larger than 20 MB, or of another kind.
    """
    if not content:
        raise FileRefused(N_("The file is empty."), next_step=N_("Choose the file again."))
    if len(content) > MAX_UPLOAD_BYTES:
        raise FileRefused(N_("The file is larger than 20 MB."), next_step=N_("Scan it in black and white."))
    media_type_of(content, kind)


def freeze(
    session: Session, file: NewFile, *, actor: Actor, now: datetime, document_id: UUID | None = None
) -> Document:
    """Keep a file for ever and return its record; the caller's own action checks the permission.

    Raises:
        FileRefused: the file may not be kept.
    """
    check_upload(file.content, file.kind)
    document_id = document_id or db.new_id()
    document = Document(
        id=document_id,
        establishment_id=actor.establishment_id,
        kind=file.kind,
        subject=file.subject,
        filename=_safe_filename(file.filename),
        media_type=media_type_of(file.content, file.kind),
        size=len(file.content),
        sha256=hashlib.sha256(file.content).hexdigest(),
        sealed_content=db.keyring(session).seal(file.content, context=f"document.content:{document_id}"),
        created_at=now,
        created_by_id=actor.id,
        has_patient_data=file.has_patient_data,
    )
    session.add(document)
    session.flush()  # rows that name the document may follow in the same transaction
    audit.append(
        session,
        actor=actor,
        action="document:frozen",
        subject=f"document:{document_id}",
        details={"kind": file.kind.value, "of": file.subject, "sha256": document.sha256},
        now=now,
    )
    return document


def _safe_filename(name: str) -> str:
    kept = "".join(c if c.isalnum() or c in "-_. " else "_" for c in name.rsplit("/", 1)[-1])
    return kept.strip(". ")[:100] or "document"


def read_document(session: Session, document_id: UUID, *, actor: Actor, now: datetime) -> tuple[Document, bytes]:
    """Return a document with its plain bytes, and record who read it where it carries patient data.

    Raises:
        NotPermitted: it carries patient data, which the actor may not read.
    """
    document = queries.get_document(session, document_id)
    actor.require(Permission.PATIENT_READ if document.has_patient_data else Permission.DEROGATION_READ)
    content = queries.read_content(session, document_id)
    if document.has_patient_data:
        audit.append(
            session,
            actor=actor,
            action="document:read",
            subject=f"document:{document_id}",
            details={"kind": document.kind.value, "of": document.subject},
            now=now,
        )
    return document, content
