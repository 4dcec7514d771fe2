"""The tray for programs: list it, put a box aside, receive one that was identified, say what else became of it."""

from datetime import date, datetime
from typing import Self
from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from scanners import Udi
from tracker import clock, http
from tracker.actor import Permission
from tracker.documents.service import MAX_UPLOAD_BYTES
from tracker.findings.rules import Outcome
from tracker.unidentified import queries, service
from tracker.unidentified.queries import ItemView
from tracker.unidentified.rules import Cause, Disposition
from tracker.unidentified.service import Identity, NewItem
from tracker.upkeep.forms import decoded, texts_on
from tracker.workstations.rules import MAX_RAW_LENGTH

api = APIBlueprint(
    "unidentified_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="tray")], abp_security=[{"token": []}]
)

_PHOTO_LENGTH = 4 * MAX_UPLOAD_BYTES // 3 + 4
_MOST = 200
_TEXT = r"^[^\x00-\x1f\x7f-\x9f]*$"


class ItemBody(BaseModel):
    """A box that could not be identified."""

    id: UUID = Field(description="Made by the client; the same id again is the same box")
    cause: Cause
    place: str = Field(max_length=200, description="Where the box lies")
    description: str = Field(default="", max_length=1000)
    text: str = Field(default="", max_length=MAX_RAW_LENGTH, description="What could be read, as it arrived")
    reception_id: UUID | None = None
    photo: str = Field(default="", max_length=_PHOTO_LENGTH, description="PDF, PNG or JPEG, in Base64 (RFC 4648)")


class ReceiptBody(BaseModel):
    """What a person found out about a box of the tray."""

    id: UUID = Field(description="Made by the client; the same id again is the same line")
    reception_id: UUID
    reference: str = Field(min_length=1, max_length=100, pattern=_TEXT)
    definition_id: UUID | None = Field(default=None, description="Where several devices carry the reference")
    lot: str | None = Field(default=None, max_length=100, pattern=_TEXT)
    serial: str | None = Field(default=None, max_length=100, pattern=_TEXT)
    expiration_date: date | None = None
    software_version: str | None = Field(default=None, max_length=100, pattern=_TEXT)

    def udi(self) -> Udi:
        """Return what was found out."""
        return Udi(
            reference=self.reference,
            lot=self.lot or None,
            serial=self.serial or None,
            expiration_date=self.expiration_date,
            software_version=self.software_version or None,
        )


class OutcomeBody(BaseModel):
    """What became of a box that is not received."""

    id: UUID = Field(description="Made by the client; the same id again changes nothing")
    disposition: Disposition
    reason: str = Field(max_length=1000)


class ItemPath(BaseModel):
    """One box of the tray."""

    item_id: UUID


class TrayQuery(BaseModel):
    """A page of the tray."""

    closed: bool = Field(default=False, description="Those of which is written what became of them")
    before: int | None = Field(default=None, ge=0, le=10**12, description="Number of the last box of the page before")


class ItemAnswer(BaseModel):
    """One box of the tray."""

    id: UUID
    number: int
    cause: Cause
    place: str
    description: str
    text: str
    reception_id: UUID | None
    document_id: UUID | None
    put_aside_at: datetime
    put_aside_by: str
    disposition: Disposition | None = Field(description="Null while it waits")
    reason: str
    unit_number: str | None

    @classmethod
    def of(cls, item: ItemView) -> Self:
        """Return the answer for one box."""
        outcome = item.outcome
        return cls(
            id=item.id,
            number=item.number,
            cause=item.cause,
            place=item.place,
            description=item.description,
            text=(item.raw_scan or b"").decode("utf-8", "replace"),
            reception_id=item.reception_id,
            document_id=item.document_id,
            put_aside_at=item.put_aside_at,
            put_aside_by=item.put_aside_by_name,
            disposition=outcome.disposition if outcome else None,
            reason=outcome.reason if outcome else "",
            unit_number=outcome.unit_number if outcome else None,
        )


class ReceiptAnswer(BaseModel):
    """The verdict on an identified box, whose line is in the delivery."""

    id: UUID
    outcome: Outcome
    findings: list[str] = Field(description="Codes of the table at /api/v1/findings")
    unit_number: str | None = Field(description="Null for a refused box, which stays in the tray")


class TrayAnswer(BaseModel):
    """Boxes of the tray, newest first, at most two hundred."""

    items: list[ItemAnswer]
    open_count: int


@api.get("/unidentified", summary="List the tray", responses={200: TrayAnswer})
@http.requires(Permission.RECEPTION_READ)
def list_items(query: TrayQuery) -> dict[str, object]:
    """Answer the boxes that wait, or those that are closed, and how many wait."""
    with http.transaction() as session:
        found = queries.list_items(session, is_open=not query.closed, before=query.before, limit=_MOST)
        waiting = queries.count_open(session)
    return TrayAnswer(items=[ItemAnswer.of(item) for item in found], open_count=waiting).model_dump(mode="json")


@api.post("/unidentified", summary="Put a box aside", responses={200: ItemAnswer})
@http.requires(Permission.RECEPTION_WRITE)
def create_item(body: ItemBody) -> dict[str, object]:
    """Put a box into the tray; the same id again answers the same one."""
    photo, now = decoded(body.photo), clock.utc_now()
    new = NewItem(
        cause=body.cause,
        place=body.place,
        description=body.description,
        raw=body.text,
        reception_id=body.reception_id,
        photo=photo,
        texts_on_photo=texts_on(photo),
    )
    with http.transaction() as session:
        item = service.put_aside(
            session, body.id, new=new, actor=http.current_actor(), now=now, today=clock.paris_day(now)
        )
    return ItemAnswer.of(item).model_dump(mode="json")


@api.post("/unidentified/<uuid:item_id>/receipt", summary="Receive an identified box", responses={200: ReceiptAnswer})
@http.requires(Permission.RECEPTION_WRITE)
def create_receipt(path: ItemPath, body: ReceiptBody) -> dict[str, object]:
    """Receive a box that a person has identified; a refused one stays in the tray, and its line traces the refusal."""
    now = clock.utc_now()
    identity = Identity(body.reception_id, body.udi(), body.definition_id)
    with http.transaction() as session:
        line = service.receive_item(
            session,
            path.item_id,
            line_id=body.id,
            identity=identity,
            actor=http.current_actor(),
            now=now,
            today=clock.paris_day(now),
        )
    answer = ReceiptAnswer(
        id=line.id,
        outcome=line.outcome,
        findings=[finding.code for finding in line.findings],
        unit_number=line.unit_number,
    )
    return answer.model_dump(mode="json")


@api.post("/unidentified/<uuid:item_id>/outcome", summary="Say what became of a box", responses={200: ItemAnswer})
@http.requires(Permission.RECEPTION_WRITE)
def create_outcome(path: ItemPath, body: OutcomeBody) -> dict[str, object]:
    """Write what became of a box that is not received, with the reason."""
    with http.transaction() as session:
        item = service.dispose(
            session,
            path.item_id,
            outcome_id=body.id,
            disposition=body.disposition,
            reason=body.reason,
            actor=http.current_actor(),
            now=clock.utc_now(),
        )
    return ItemAnswer.of(item).model_dump(mode="json")
