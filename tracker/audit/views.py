"""The page of the trail, for the auditor."""

from flask import Blueprint, make_response, render_template, request
from werkzeug.wrappers import Response

from tracker import http
from tracker.actor import Permission
from tracker.audit import queries, service
from tracker.audit.rules import REASON_LABELS

bp = Blueprint("audit", __name__, template_folder="templates")

_PAGE = 50


@bp.get("/audit")
@http.requires(Permission.AUDIT_READ)
def index() -> Response:
    """Show the newest entries, of everything or of one subject."""
    actor = http.current_actor()
    subject = request.args.get("subject", "").strip()
    before = request.args.get("before", type=int)
    with http.transaction() as session:
        entries = queries.list_entries(
            session, actor.establishment_id, before=before, subject=subject or None, limit=_PAGE + 1
        )
        head = queries.get_head(session, actor.establishment_id)
    page = render_template(
        "audit/index.html",
        entries=entries[:_PAGE],
        older=entries[_PAGE - 1].sequence if len(entries) > _PAGE else None,
        head=head,
        subject=subject,
        is_paged=before is not None,
    )
    return make_response(page)


@bp.post("/audit/verify")
@http.requires(Permission.AUDIT_READ)
def verify() -> Response:
    """Recompute the whole chain and say whether it holds."""
    actor = http.current_actor()
    with http.transaction() as session:
        count, broken = service.verify_chain(session, actor.establishment_id)
    reason = http.sentence(REASON_LABELS[broken.reason]) if broken else ""
    return make_response(render_template("audit/verified.html", count=count, broken=broken, reason=reason))
