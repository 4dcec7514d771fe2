"""Pages of the tray: the list, a box to put aside, one box to work off."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.actor import Permission
from tracker.arrivals.models import Reception
from tracker.catalogue import queries as catalogue
from tracker.documents import queries as documents
from tracker.errors import N_, Conflict, InvalidInput, NotFound, RuleRefused, TraceError
from tracker.findings.rules import Outcome, WordedFinding, worded
from tracker.reception import queries as reception
from tracker.reception.queries import LineView
from tracker.unidentified import forms, queries, rules, service
from tracker.unidentified.rules import Cause, Disposition
from tracker.unidentified.service import Identity, NewItem
from tracker.upkeep.forms import texts_on
from tracker.verdicts.rules import printable

bp = Blueprint("unidentified", __name__, template_folder="templates")

PAGE_LENGTH = 50
_MOST_RECEPTIONS = 50
_HIGHEST_NUMBER = 10**12


class IdentityIncomplete(InvalidInput):
    """What identifies the box is missing."""

    code = "unidentified-identity-incomplete"


@bp.get("/unidentified")
@http.requires(Permission.RECEPTION_READ)
def index() -> Response:
    """Show the boxes that wait, or those that are closed."""
    is_open, before = request.args.get("closed") != "1", request.args.get("before", type=int)
    start = None if before is None else max(0, min(before, _HIGHEST_NUMBER))
    with http.transaction() as session:
        found = queries.list_items(session, is_open=is_open, before=start, limit=PAGE_LENGTH + 1)
        waiting = queries.count_open(session)
    shown, closed = found[:PAGE_LENGTH], None if is_open else "1"
    last = shown[-1].number if len(found) > PAGE_LENGTH else None
    page = render_template(
        "unidentified/index.html",
        items=shown,
        is_open=is_open,
        waiting=waiting,
        causes=_words(rules.CAUSE_LABELS),
        dispositions=_words(rules.DISPOSITION_LABELS),
        older=url_for("unidentified.index", closed=closed, before=last) if last else None,
        newest=url_for("unidentified.index", closed=closed) if before is not None else None,
    )
    return make_response(page)


def _words(labels: Mapping[Cause, str] | Mapping[Disposition, str]) -> dict[str, str]:
    return {code.value: http.sentence(label) for code, label in labels.items()}


@bp.route("/unidentified/new", methods=["GET", "POST"])
@http.requires(Permission.RECEPTION_WRITE)
def put_aside() -> Response:
    """Put a box aside, mostly one that the bench has just refused."""
    form = forms.ItemForm()
    form.offer()
    if request.method == "GET":
        _fill_from_bench(form)
        return make_response(render_template("unidentified/new.html", form=form, printable=printable))
    try:
        _check_form(form)
        with http.transaction() as session:
            item = service.put_aside(
                session,
                http.read_request_id(form.request_id.data),
                new=_new_item(form),
                actor=http.current_actor(),
                now=clock.utc_now(),
                today=clock.paris_day(clock.utc_now()),
            )
    except (InvalidInput, Conflict, RuleRefused, NotFound) as error:
        if isinstance(error, service.PatientLabelAside):
            form.raw.data = ""
        return http.rejected("unidentified/new.html", form, error, printable=printable)
    flash(_("Box %(number)s is in the tray. Write this number on it.", number=item.number), "success")
    return redirect(url_for("unidentified.show", item_id=item.id), code=303)


def _fill_from_bench(form: forms.ItemForm) -> None:
    form.request_id.data = str(db.new_id())
    line_id = request.args.get("line", type=UUID)
    if line_id is None:
        form.reception_id.data = str(request.args.get("reception", type=UUID) or "")
        return
    with http.transaction() as session:
        line = reception.get_line(session, line_id)
    form.line.data, form.reception_id.data = str(line.id), str(line.reception_id)
    form.raw.data = (line.raw_scan or b"").decode("utf-8", "surrogatepass")
    form.cause.data = Cause.UNKNOWN.value if line.raw_scan else Cause.NO_CODE.value


def _check_form(form: forms.ItemForm) -> None:
    """Check the fields of a box to put aside.

    Raises:
        ItemIncomplete: one of them cannot be read.
    """
    if not form.validate():
        raise rules.ItemIncomplete(N_("Something is missing."), next_step=N_("Complete the fields below."))


def _photo_at_the_bench(form: forms.ItemForm) -> bytes:
    """Return the photo that was kept of the box when it was refused, nothing where none was."""
    if not form.line.data:
        return b""
    with http.transaction() as session:
        line = reception.get_line(session, http.read_request_id(form.line.data))
        photo_id = reception.find_photos(session, [line]).get(line.id)
        return documents.read_content(session, photo_id) if photo_id else b""


def _new_item(form: forms.ItemForm) -> NewItem:
    photo = request.files.get("photo")
    content = photo.read() if photo is not None and photo.filename else _photo_at_the_bench(form)
    return NewItem(
        cause=Cause(form.cause.data),
        place=form.place.data or "",
        description=form.description.data or "",
        raw=form.raw.data or "",
        reception_id=http.read_request_id(form.reception_id.data) if form.reception_id.data else None,
        photo=content,
        photo_name=(photo.filename or "") if photo is not None else "",
        texts_on_photo=texts_on(content),
    )


@bp.get("/unidentified/<uuid:item_id>")
@http.requires(Permission.RECEPTION_READ)
def show(item_id: UUID) -> Response:
    """Show one box: what is known of it, and what may be done with it."""
    return _item_page(item_id)


def _item_page(
    item_id: UUID,
    *,
    identity: forms.IdentityForm | None = None,
    outcome: forms.OutcomeForm | None = None,
    error: TraceError | None = None,
    refused: LineView | None = None,
) -> Response:
    identity = identity or forms.IdentityForm(formdata=None, request_id=str(db.new_id()))
    outcome = outcome or forms.OutcomeForm(formdata=None, request_id=str(db.new_id()))
    outcome.offer()
    with http.transaction() as session:
        item = queries.get_item(session, item_id)
        _offer(identity, queries.list_open_receptions(session, limit=_MOST_RECEPTIONS), item.reception_id)
    page = render_template(
        "unidentified/item.html",
        item=item,
        text=printable(item.raw_text),
        cause=http.sentence(rules.CAUSE_LABELS[item.cause]),
        became=http.sentence(rules.DISPOSITION_LABELS[item.outcome.disposition]) if item.outcome else "",
        identity=identity,
        outcome_form=outcome,
        findings=_worded(refused) if refused else (),
        error=http.error_sentence(error) if error else "",
        error_next=http.sentence(error.next_step) if error else "",
    )
    return make_response(page, http.status_of(error) if error else 200)


def _offer(form: forms.IdentityForm, receptions: Sequence[Reception], usual: UUID | None) -> None:
    form.offer_receptions(receptions)
    if form.definition.choices is None or not form.definition.choices:
        form.offer(())
    if not form.reception.data and usual in {one.id for one in receptions}:
        form.reception.data = str(usual)


def _worded(line: LineView) -> tuple[WordedFinding, ...]:
    return tuple([worded(finding, translate=http.sentence, day=http.written_day) for finding in line.findings])


@bp.post("/unidentified/<uuid:item_id>/receipt")
@http.requires(Permission.RECEPTION_WRITE)
def receive(item_id: UUID) -> Response:
    """Receive a box that a person has identified; the verdict is that of any box."""
    form, now = forms.IdentityForm(), clock.utc_now()
    with http.transaction() as session:
        queries.get_item(session, item_id)
        form.offer_receptions(queries.list_open_receptions(session, limit=_MOST_RECEPTIONS))
        reference = form.typed().reference or ""
        form.offer(catalogue.find_definitions(session, udi_di=None, reference=reference))
    try:
        _check_identity(form)
        with http.transaction() as session:
            line = service.receive_item(
                session,
                item_id,
                line_id=http.read_request_id(form.request_id.data),
                identity=Identity(form.chosen_reception(), form.typed(), form.chosen()),
                actor=http.current_actor(),
                now=now,
                today=clock.paris_day(now),
            )
    except (InvalidInput, Conflict, RuleRefused) as error:
        _tell(form, error)
        return _item_page(item_id, identity=form, error=error)
    if line.outcome is Outcome.REFUSED:
        form.request_id.data = str(db.new_id())
        return _item_page(item_id, identity=form, refused=line)
    flash(_("Received as unit %(number)s. Print its label and stick it on.", number=line.unit_number), "success")
    return redirect(url_for("chronicle.show", number=line.unit_number), code=303)


def _check_identity(form: forms.IdentityForm) -> None:
    """Check what a person found out.

    Raises:
        IdentityIncomplete: it does not name one unit.
    """
    form.validate()
    typed, fields = form.typed(), dict[str, str]()
    if not typed.reference:
        fields["reference"] = N_("Write the reference printed on the box.")
    fields |= form.find_unidentified(is_known=False)
    if form.is_choice_missing():
        fields["definition"] = N_("Several manufacturers have this reference: choose one.")
    if fields or form.errors:
        raise IdentityIncomplete(N_("Something is missing."), fields=fields, next_step=N_("Complete the fields below."))


def _tell(form: forms.IdentityForm | forms.OutcomeForm, error: TraceError) -> None:
    for name, message in getattr(error, "fields", {}).items():
        field = getattr(form, name, None)
        if field is not None:
            field.errors = [*field.errors, http.sentence(message)]


def _check_outcome(form: forms.OutcomeForm) -> None:
    """Check what a person states.

    Raises:
        ReasonMissing: a field is missing.
    """
    if not form.validate():
        raise rules.ReasonMissing(N_("Something is missing."), next_step=N_("Complete the fields below."))


@bp.post("/unidentified/<uuid:item_id>/outcome")
@http.requires(Permission.RECEPTION_WRITE)
def dispose(item_id: UUID) -> Response:
    """Write what became of a box that is not received."""
    form = forms.OutcomeForm()
    form.offer()
    try:
        _check_outcome(form)
        with http.transaction() as session:
            item = service.dispose(
                session,
                item_id,
                outcome_id=http.read_request_id(form.request_id.data),
                disposition=Disposition(form.disposition.data),
                reason=form.reason.data or "",
                actor=http.current_actor(),
                now=clock.utc_now(),
            )
    except (InvalidInput, Conflict) as error:
        _tell(form, error)
        return _item_page(item_id, outcome=form, error=error)
    flash(_("What became of box %(number)s is written.", number=item.number), "success")
    return redirect(url_for("unidentified.index"), code=303)
