"""Reads of imports."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from tracker.errors import N_, NotFound
from tracker.imports.models import CatalogueImport


class ImportNotFound(NotFound):
    """No such import in this establishment."""

    code = "import-not-found"


def get_import(session: Session, import_id: UUID) -> CatalogueImport:
    """Return one import without its file.

    Raises:
        ImportNotFound: there is none with this id here.
    """
    found = session.get(CatalogueImport, import_id)
    if found is None:
        raise ImportNotFound(N_("There is no such import."))
    return found


def get_import_for_update(session: Session, import_id: UUID) -> CatalogueImport:
    """Return one import without its file, locked.

    Raises:
        ImportNotFound: there is none with this id here.
    """
    found = session.get(CatalogueImport, import_id, with_for_update=True, populate_existing=True)
    if found is None:
        raise ImportNotFound(N_("There is no such import."))
    return found


def read_content(session: Session, import_id: UUID) -> bytes:
    """Return the file of an import."""
    return session.scalars(select(CatalogueImport.content).where(CatalogueImport.id == import_id)).one()


def list_imports(session: Session, *, limit: int, before: CatalogueImport | None = None) -> Sequence[CatalogueImport]:
    """Return the imports, newest first."""
    statement = select(CatalogueImport).order_by(CatalogueImport.sent_at.desc(), CatalogueImport.id.desc()).limit(limit)
    if before is not None:
        order = tuple_(CatalogueImport.sent_at, CatalogueImport.id)
        statement = statement.where(order < tuple_(before.sent_at, before.id))
    return session.scalars(statement).all()


def find_waiting(session: Session) -> UUID | None:
    """Return the confirmed import that waits longest for the worker, None where none waits."""
    waits = CatalogueImport.confirmed_at.is_not(None) & CatalogueImport.finished_at.is_(None)
    return session.scalar(select(CatalogueImport.id).where(waits).order_by(CatalogueImport.confirmed_at).limit(1))


def lock_at(session: Session, import_id: UUID, *, done_count: int) -> CatalogueImport | None:
    """Return an import, locked, if nobody else works on it and it stands where it is thought to; else None."""
    statement = (
        select(CatalogueImport)
        .where(
            CatalogueImport.id == import_id,
            CatalogueImport.done_count == done_count,
            CatalogueImport.finished_at.is_(None),
        )
        .with_for_update(skip_locked=True)
    )
    return session.scalar(statement)
