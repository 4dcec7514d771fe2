"""Examinations after a use for programs."""

from datetime import date, datetime
from uuid import UUID

from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.examinations import queries, service
from tracker.examinations.queries import ExaminationLine
from tracker.examinations.rules import NewOutcome, OutcomeKind, Urgency

api = APIBlueprint(
    "examinations_api",
    __name__,
    url_prefix="/api/v1",
    abp_tags=[Tag(name="examinations")],
    abp_security=[{"token": []}],
)

_MOST_EXAMINATIONS = 200


class ExaminationPath(BaseModel):
    """One examination."""

    examination_id: UUID


class ExaminationsQuery(BaseModel):
    """Which examinations; without a use, all that are still to be done."""

    use_id: UUID | None = Field(default=None, description="Those of one use, closed ones included")
    after_day: date | None = Field(default=None, description="Go on from: day of the last one read")
    after_id: UUID | None = Field(default=None, description="Go on from: id of the last one read")


class OutcomeBody(BaseModel):
    """What became of an examination."""

    id: UUID = Field(description="Made by the client; the same id again is the same fact")
    kind: OutcomeKind
    happened_on: date = Field(description="Paris calendar")
    note: str = Field(default="", max_length=2000, description="Needed unless it was done")


class ExaminationAnswer(BaseModel):
    """One examination."""

    id: UUID
    use_id: UUID
    unit_number: str
    reference: str
    due_on: date = Field(description="Paris calendar")
    what: str = Field(description="In the words of the decision")
    urgency: Urgency | None = Field(description="Null once it is closed")
    closed_at: datetime | None


class ExaminationsAnswer(BaseModel):
    """Examinations, the earliest day first, at most two hundred."""

    examinations: list[ExaminationAnswer]


def _answer(line: ExaminationLine, today: date) -> dict[str, object]:
    examination = line.examination
    return ExaminationAnswer(
        id=examination.id,
        use_id=examination.use_id,
        unit_number=line.unit_number,
        reference=line.reference,
        due_on=examination.due_on,
        what=examination.what,
        urgency=line.urgency(today),
        closed_at=examination.closed_at,
    ).model_dump(mode="json")


@api.get("/examinations", summary="List examinations after a use", responses={200: ExaminationsAnswer})
@http.requires(Permission.USE_READ)
def list_examinations(query: ExaminationsQuery) -> dict[str, object]:
    """List the examinations that are still to be done, or all those of one use."""
    today = clock.paris_day(clock.utc_now())
    after = (query.after_day, query.after_id) if query.after_day and query.after_id else None
    with http.transaction() as session:
        if query.use_id:
            lines = queries.list_of_use(session, query.use_id)
        else:
            lines = queries.list_open(session, after=after, limit=_MOST_EXAMINATIONS)
        return {"examinations": [_answer(line, today) for line in lines]}


@api.post(
    "/examinations/<uuid:examination_id>/outcomes",
    summary="Record what became of an examination",
    responses={200: ExaminationAnswer},
)
@http.requires(Permission.USE_WRITE)
def record_outcome(path: ExaminationPath, body: OutcomeBody) -> dict[str, object]:
    """Record that an examination was done, will not be, or is taken up again."""
    now, today = clock.utc_now(), clock.paris_day(clock.utc_now())
    with http.transaction() as session:
        service.record_outcome(
            session,
            body.id,
            examination_id=path.examination_id,
            new=NewOutcome(body.kind, body.happened_on, body.note),
            actor=http.current_actor(),
            now=now,
            today=today,
        )
        session.flush()  # the answer reads it
        return _answer(queries.get_examination(session, path.examination_id), today)
