"""The page where a pharmacist reads what the bench decides, and why."""

from flask import Blueprint, render_template

from tracker import http
from tracker.accounts.rules import ROLE_LABELS
from tracker.actor import Permission
from tracker.findings import rules
from tracker.findings.rules import FINDINGS, Outcome

bp = Blueprint("findings", __name__, template_folder="templates")

_BLANK = "…"


@bp.get("/findings")
@http.requires(Permission.UNIT_READ)
def index() -> str:
    """Show every reason of a verdict, those that refuse first."""
    groups = [
        (outcome.value, [(code, rule) for code, rule in FINDINGS.items() if rule.effect is outcome])
        for outcome in reversed(Outcome)
    ]
    return render_template("findings/index.html", groups=groups, role_labels=ROLE_LABELS, blank=_without_data)


def _without_data(text: str) -> str:
    """Return a text in the language of the page, with dots where a box fills in its data."""
    return rules.PLACEHOLDER.sub(_BLANK, http.sentence(text))
