"""The table of reasons for programs: codes and effects are stable, words are in the language asked for."""

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from tracker import http
from tracker.actor import Permission
from tracker.findings.rules import FINDINGS, Outcome

api = APIBlueprint(
    "findings_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="goods-in")], abp_security=[{"token": []}]
)


class FindingRuleAnswer(BaseModel):
    """One reason that a verdict can have; ``%(name)s`` stands for the finding's data of that name."""

    code: str
    effect: Outcome = Field(description="What it does to a box; 'accepted' informs only")
    sentence: str
    source: str
    next_step: str
    may_override: str = Field(description="Role that may decide otherwise, empty where nobody may")


class FindingRulesAnswer(BaseModel):
    """Every reason; of several, the one that stands first is said first."""

    findings: list[FindingRuleAnswer]


@api.get("/findings", summary="Every reason of a verdict", responses={200: FindingRulesAnswer})
@http.requires(Permission.UNIT_READ)
def list_findings() -> dict[str, object]:
    """Answer the table of reasons."""
    answers = [
        FindingRuleAnswer(
            code=code,
            effect=rule.effect,
            sentence=http.sentence(rule.sentence),
            source=http.sentence(rule.source),
            next_step=http.sentence(rule.next_step),
            may_override=rule.may_override.value if rule.may_override else "",
        )
        for code, rule in FINDINGS.items()
    ]
    return FindingRulesAnswer(findings=answers).model_dump(mode="json")
