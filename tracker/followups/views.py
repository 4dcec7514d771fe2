"""Pages of the follow-up of an incident."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_wtf import FlaskForm
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.actor import Permission
from tracker.documents import queries as documents
from tracker.documents.models import DocumentKind
from tracker.documents.service import NewFile
from tracker.errors import Conflict, InvalidInput, RuleRefused, TraceError
from tracker.followups import forms, queries, service
from tracker.followups.rules import KIND_LABELS, EventKind, progress_of
from tracker.followups.service import NewComplement, NewEvent
from tracker.vigilance import queries as vigilance
from tracker.vigilance.rules import PLACE_LABELS, RECIPIENT_LABELS, Basis, CorrespondentPart, IncidentState

bp = Blueprint("followups", __name__, template_folder="templates")


@bp.get("/incidents/<uuid:incident_id>/follow-up")
@http.requires(Permission.INCIDENT_READ)
def show(incident_id: UUID) -> Response:
    """Show what became of an incident, and what may be recorded next."""
    return _page(incident_id)


def _page(incident_id: UUID, *, sent: FlaskForm | None = None, error: TraceError | None = None) -> Response:
    now = clock.utc_now()
    with http.transaction() as session:
        dossier = vigilance.get_dossier(session, incident_id, known_at=now)
        views = queries.list_events(session, incident_id)
        letters = {
            view.event.id: documents.get_document(session, view.event.document_id)
            for view in views
            if view.event.document_id
        }
    progress = progress_of([view.facts for view in views])
    page: dict[str, Any] = {
        "dossier": dossier,
        "views": views,
        "letters": letters,
        "progress": progress,
        "is_transmitted": queries.first_state(dossier) is IncidentState.TRANSMITTED,
        "has_reports": bool(dossier.reports),
        "may_write": http.current_actor().can(Permission.INCIDENT_TRANSMIT),
        "kind_words": {kind: _(label) for kind, label in KIND_LABELS.items()},
        "recipient_words": {code: _(label) for code, label in RECIPIENT_LABELS.items()},
        "place_words": {code: _(label) for code, label in PLACE_LABELS.items()},
        "sent": sent,
    }
    page |= _forms(sent, now=now)
    if error is not None and sent is not None:
        for name, message in getattr(error, "fields", {}).items():
            sent[name].errors = [*sent[name].errors, http.sentence(message)]
        page |= {"error": http.error_sentence(error), "error_next": http.sentence(error.next_step)}
    status = http.status_of(error) if error else 422 if sent is not None else 200
    return make_response(render_template("followups/show.html", **page), status)


def _forms(sent: FlaskForm | None, *, now: datetime) -> dict[str, FlaskForm]:
    """Return the forms of the page: the one that was sent with what was typed, the others new."""
    kinds: dict[str, type[FlaskForm]] = {
        "letter_form": forms.LetterForm,
        "place_form": forms.PlaceForm,
        "complement_form": forms.ComplementForm,
        "end_form": forms.EndForm,
    }
    values = {"request_id": str(db.new_id()), "happened_on": clock.paris_day(now)}
    return {
        name: sent if sent is not None and isinstance(sent, kind) else kind(formdata=None, **values)
        for name, kind in kinds.items()
    }


@bp.post("/incidents/<uuid:incident_id>/letters")
@http.requires(Permission.INCIDENT_TRANSMIT)
def record_letter(incident_id: UUID) -> Response:
    """Record an acknowledgement or an answer."""
    form = forms.LetterForm()
    return _record(incident_id, form, lambda: NewEvent(incident_id, form.facts(), _letter(form.document.data)))


def _letter(file: FileStorage | None) -> NewFile | None:
    if file is None or not file.filename:
        return None
    return NewFile(DocumentKind.INCIDENT_LETTER, "", file.filename, file.read(), has_patient_data=True)


@bp.post("/incidents/<uuid:incident_id>/place")
@http.requires(Permission.INCIDENT_TRANSMIT)
def record_place(incident_id: UUID) -> Response:
    """Record where the device is now."""
    form = forms.PlaceForm()
    return _record(incident_id, form, lambda: NewEvent(incident_id, form.facts()))


@bp.post("/incidents/<uuid:incident_id>/close")
@http.requires(Permission.INCIDENT_TRANSMIT)
def close(incident_id: UUID) -> Response:
    """Close an incident with its conclusion."""
    form = forms.EndForm()
    return _record(incident_id, form, lambda: NewEvent(incident_id, form.facts(EventKind.CLOSED)))


@bp.post("/incidents/<uuid:incident_id>/reopen")
@http.requires(Permission.INCIDENT_TRANSMIT)
def reopen(incident_id: UUID) -> Response:
    """Open a closed incident again."""
    form = forms.EndForm()
    return _record(incident_id, form, lambda: NewEvent(incident_id, form.facts(EventKind.REOPENED)))


def _record(incident_id: UUID, form: FlaskForm, new: Callable[[], NewEvent]) -> Response:
    now = clock.utc_now()
    if not form.validate():
        return _page(incident_id, sent=form)
    try:
        event_id = http.read_request_id(form["request_id"].data)
        with http.transaction() as session:
            service.record_event(
                session,
                event_id,
                new=new(),
                actor=http.current_actor(),
                now=now,
                today=clock.paris_day(now),
            )
    except (InvalidInput, Conflict, RuleRefused) as error:
        return _page(incident_id, sent=form, error=error)
    flash(_("It is recorded."), "success")
    return redirect(url_for("followups.show", incident_id=incident_id), code=303)


@bp.post("/incidents/<uuid:incident_id>/complement")
@http.requires(Permission.INCIDENT_TRANSMIT)
def send_complement(incident_id: UUID) -> Response:
    """Send a complement to ANSM and to the manufacturer."""
    form, now = forms.ComplementForm(), clock.utc_now()
    if not form.validate():
        return _page(incident_id, sent=form)
    try:
        request_id = http.read_request_id(form.request_id.data)
        part = CorrespondentPart(Basis(form.basis.data), (form.comments.data or "").strip())
        with http.transaction() as session:
            service.send_complement(
                session,
                request_id,
                new=NewComplement(incident_id, part),
                ansm_address=http.web().values["ansm_vigilance_address"],
                actor=http.current_actor(),
                now=now,
                today=clock.paris_day(now),
            )
    except (InvalidInput, Conflict, RuleRefused) as error:
        return _page(incident_id, sent=form, error=error)
    flash(_("The complement is on its way. Its delivery shows on the page of the incident."), "success")
    return redirect(url_for("followups.show", incident_id=incident_id), code=303)
