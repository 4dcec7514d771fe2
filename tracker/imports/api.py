"""Imports of the catalogue for programs."""

import base64
import binascii
from datetime import datetime
from typing import Any
from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.errors import N_
from tracker.imports import queries, service
from tracker.imports.documents import FileUnreadable
from tracker.imports.models import CatalogueImport

api = APIBlueprint(
    "imports_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="catalogue")], abp_security=[{"token": []}]
)


class ImportPath(BaseModel):
    """One import."""

    import_id: UUID


class ImportRequest(BaseModel):
    """A file of the catalogue."""

    id: UUID = Field(description="Chosen by the client: the same request again is the same import")
    filename: str = Field(min_length=1, max_length=200)
    content: str = Field(description="The CSV or XLSX file, base64 (RFC 4648)")

    def read(self) -> bytes:
        """Return the file.

        Raises:
            FileUnreadable: it is no base64.
        """
        try:
            return base64.b64decode(self.content, validate=True)
        except binascii.Error as error:
            raise FileUnreadable(N_("The file is no base64.")) from error


class ImportAnswer(BaseModel):
    """An import with its progress."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    filename: str
    sha256: str
    sent_at: datetime
    confirmed_at: datetime | None
    finished_at: datetime | None
    total_count: int
    done_count: int
    created_count: int
    changed_count: int
    known_count: int
    rejected_count: int
    errors: list[dict[str, Any]] = Field(description="The first rejected lines: line, code, data")

    @classmethod
    def of(cls, state: CatalogueImport) -> dict[str, object]:
        """Return the answer for an import."""
        return cls.model_validate(state).model_dump(mode="json")


@api.post("/catalogue-imports", summary="Send a file", responses={201: ImportAnswer})
@http.requires(Permission.DEFINITION_WRITE)
def send(body: ImportRequest) -> tuple[dict[str, object], int]:
    """Keep a file whose columns can be read; nothing enters the catalogue before it is confirmed."""
    now = clock.utc_now()
    with http.transaction() as session:
        sent = service.send_file(
            session,
            body.id,
            filename=body.filename,
            content=body.read(),
            actor=http.current_actor(),
            now=now,
        )
    return ImportAnswer.of(sent), 201


@api.get("/catalogue-imports/<uuid:import_id>", summary="Follow an import", responses={200: ImportAnswer})
@http.requires(Permission.DEFINITION_WRITE)
def follow(path: ImportPath) -> dict[str, object]:
    """Say how far an import is."""
    with http.transaction() as session:
        state = queries.get_import(session, path.import_id)
    return ImportAnswer.of(state)


@api.post("/catalogue-imports/<uuid:import_id>/confirm", summary="Confirm", responses={200: ImportAnswer})
@http.requires(Permission.DEFINITION_WRITE)
def confirm(path: ImportPath) -> dict[str, object]:
    """Hand an import over to the worker."""
    with http.transaction() as session:
        state = service.confirm(session, path.import_id, actor=http.current_actor(), now=clock.utc_now())
    return ImportAnswer.of(state)
