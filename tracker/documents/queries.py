"""Reads of frozen documents."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from tracker import db
from tracker.documents.models import Document, DocumentKind
from tracker.errors import N_, NotFound


class DocumentNotFound(NotFound):
    """No such document in this establishment."""

    code = "document-not-found"


def get_document(session: Session, document_id: UUID) -> Document:
    """Return a document without its content.

    Raises:
        DocumentNotFound: there is none with this id here.
    """
    document = session.get(Document, document_id)
    if document is None:
        raise DocumentNotFound(N_("There is no such document."))
    return document


def read_content(session: Session, document_id: UUID) -> bytes:
    """Return the plain bytes of a document.

    Raises:
        DocumentNotFound: there is none with this id here.
    """
    statement = select(Document).where(Document.id == document_id).options(undefer(Document.sealed_content))
    document = session.scalar(statement.execution_options(populate_existing=True))
    if document is None:
        raise DocumentNotFound(N_("There is no such document."))
    return db.keyring(session).unseal(document.sealed_content, context=f"document.content:{document.id}")


def list_by_id(session: Session, document_ids: Collection[UUID]) -> Sequence[Document]:
    """Return several documents, in no order; those that are not here are left out."""
    return session.scalars(select(Document).where(Document.id.in_(document_ids))).all()


def list_documents(session: Session, subject: str, kind: DocumentKind | None = None) -> Sequence[Document]:
    """Return the documents about ``subject`` (``noun:id``), newest first."""
    return list_about(session, [subject], kind)


def list_about(session: Session, subjects: Collection[str], kind: DocumentKind | None = None) -> Sequence[Document]:
    """Return the documents about any of some subjects (``noun:id``), newest first."""
    statement = select(Document).where(Document.subject.in_(subjects))
    if kind is not None:
        statement = statement.where(Document.kind == kind)
    return session.scalars(statement.order_by(Document.created_at.desc(), Document.id)).all()
