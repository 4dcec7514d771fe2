"""The guided questions for programs: a path in, the next question or the answer out."""

from flask_babel import gettext as _
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from tracker import http
from tracker.actor import Permission
from tracker.orientation import rules
from tracker.orientation.rules import Route, Step, Walk

api = APIBlueprint(
    "orientation_api",
    __name__,
    url_prefix="/api/v1",
    abp_tags=[Tag(name="orientation")],
    abp_security=[{"token": []}],
)


class PathQuery(BaseModel):
    """What was answered so far."""

    path: str = Field(
        default="",
        max_length=200,
        pattern=r"^([a-z_]+(\.[a-z_]+)*)?$",
        description="Codes of the options chosen, in order, separated by points: 'allergy.no'; empty to begin",
    )


class OptionAnswer(BaseModel):
    """One way to answer a question."""

    code: str
    label: str


class QuestionAnswer(BaseModel):
    """The next question."""

    code: str
    text: str
    help: str
    options: list[OptionAnswer]


class StepAnswer(BaseModel):
    """One question answered."""

    question: str
    text: str
    option: str
    label: str


class RouteAnswer(BaseModel):
    """What the situation comes under, why, and what to do."""

    code: str
    route: Route
    sentence: str
    reason: str
    source: str
    next_step: str
    request_kind: str = Field(description="Kind of request to prepare; empty where none is")
    caution: str


class WalkAnswer(BaseModel):
    """The path so far with either the next question or the answer."""

    steps: list[StepAnswer]
    question: QuestionAnswer | None
    answer: RouteAnswer | None


@api.get("/which-route", summary="Answer the guided questions", responses={200: WalkAnswer})
@http.requires(Permission.DEROGATION_READ)
def ask(query: PathQuery) -> dict[str, object]:
    """Answer the next question of a path, or the answer at its end; texts in the language asked for."""
    walk = rules.walk(query.path.split(".") if query.path else [])
    return _told(walk).model_dump(mode="json")


def _told(walk: Walk) -> WalkAnswer:
    question, answer = walk.question, walk.answer
    return WalkAnswer(
        steps=[_step(step) for step in walk.steps],
        question=QuestionAnswer(
            code=question.code,
            text=_(question.text),
            help=http.sentence(question.help),
            options=[OptionAnswer(code=option.code, label=_(option.label)) for option in question.options],
        )
        if question
        else None,
        answer=RouteAnswer(
            code=answer.code,
            route=answer.route,
            sentence=_(answer.sentence),
            reason=_(answer.reason),
            source=_(answer.source),
            next_step=_(answer.next_step),
            request_kind=answer.request_kind,
            caution=http.sentence(answer.caution),
        )
        if answer
        else None,
    )


def _step(step: Step) -> StepAnswer:
    return StepAnswer(
        question=step.question.code, text=_(step.question.text), option=step.option.code, label=_(step.option.label)
    )
