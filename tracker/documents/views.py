"""Gives a frozen document back, exactly as it was."""

from urllib.parse import quote
from uuid import UUID

from flask import Blueprint, make_response
from werkzeug.wrappers import Response

from tracker import clock, http
from tracker.actor import Permission
from tracker.documents import service

bp = Blueprint("documents", __name__)

_CONTENT_POLICY = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""An uploaded file does nothing but be seen."""


@bp.get("/documents/<uuid:document_id>")
@http.requires(Permission.DEROGATION_READ)
def show(document_id: UUID) -> Response:
    """Answer the file; one that carries patient data needs the permission to read patients, and is recorded."""
    with http.transaction() as session:
        document, content = service.read_document(session, document_id, actor=http.current_actor(), now=clock.utc_now())
    answer = make_response(content)
    answer.content_type = document.media_type
    name = quote(document.filename, safe="")  # RFC 6266 section 4.1: any letter, and nothing that ends the header
    answer.headers["Content-Disposition"] = f"inline; filename*=UTF-8''{name}"
    answer.headers["Content-Security-Policy"] = _CONTENT_POLICY
    return answer
