"""The guided questions, one a page; the path is the address, so it can be kept, sent and changed."""

from flask import Blueprint, make_response, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import http
from tracker.actor import Permission
from tracker.orientation import rules

bp = Blueprint("orientation", __name__, template_folder="templates")


@bp.get("/which-route")
@http.requires(Permission.DEROGATION_READ)
def ask() -> Response:
    """Show the next question of a path, or the answer at its end; a page sent without a choice says so."""
    path = [code for code in request.args.getlist("a") if code]
    walk = rules.walk(path)
    is_unanswered = walk.question is not None and request.args.get("sent") == str(len(path))
    page = render_template(
        "orientation/ask.html",
        walk=walk,
        path=path,
        changes=[url_for("orientation.ask", a=path[:place]) for place in range(len(path))],
        is_unanswered=is_unanswered,
        may_open_request=http.current_actor().can(Permission.REQUEST_WRITE),
        route=_(rules.ROUTE_LABELS[walk.answer.route]) if walk.answer else "",
    )
    return make_response(page, 422 if is_unanswered else 200)
