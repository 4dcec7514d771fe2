"""Pages of recalls: a lot typed or scanned, who carries it, where the rest is, and its block."""

from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import ngettext
from werkzeug.wrappers import Response

from scanners import Scan, Status
from tracker import clock, db, http
from tracker.actor import Permission
from tracker.catalogue import queries as catalogue
from tracker.devices import queries as devices
from tracker.errors import InvalidInput, NotFound, TraceError
from tracker.recalls import forms, rules, service
from tracker.workstations.forms import read_typed
from tracker.workstations.rules import searched_device

bp = Blueprint("recalls", __name__, template_folder="templates")


@bp.get("/recall")
@http.requires(Permission.RECALL_READ)
def show() -> Response:
    """Answer which patients carry a lot, and where the rest of it is."""
    lot_number = request.args.get("lot", "").strip()
    return _page(lot_number, request.args.get("definition", type=UUID))


@bp.post("/recall")
@http.requires(Permission.RECALL_READ)
def find() -> Response:
    """Read a lot number, typed or scanned from a box, and lead to its page."""
    read = _read(request.form.get("raw", "").strip("\r\n\t "))
    lot_number, definition_id = read.content, None
    try:
        if read.unit_number or read.status is Status.PATIENT:
            lot_number, definition_id = _lot_of_unit(searched_device(read))
        elif read.status is Status.OK and read.udi is not None and read.udi.lot:
            lot_number = read.udi.lot
            definition_id = _definition_of(read.udi.udi_di, read.udi.reference)
        rules.check_lot(lot_number)
    except (InvalidInput, NotFound) as error:
        return _page("", None, error=error)
    return redirect(url_for("recalls.show", lot=lot_number, definition=definition_id), code=303)


def _lot_of_unit(number: str) -> tuple[str, UUID]:
    with http.transaction() as session:
        unit = devices.get_unit(session, number)
    return unit.lot_number or "", unit.definition.id


def _definition_of(udi_di: str | None, reference: str | None) -> UUID | None:
    with http.transaction() as session:
        found = catalogue.find_definitions(session, udi_di=udi_di, reference=reference)
    return found[0].id if len(found) == 1 else None


def _page(
    lot_number: str,
    definition_id: UUID | None,
    *,
    error: TraceError | None = None,
    form: forms.LotHoldForm | None = None,
) -> Response:
    view = None
    if lot_number:
        with http.transaction() as session:
            view = service.recall_lot(
                session,
                lot_number=lot_number,
                definition_id=definition_id,
                actor=http.current_actor(),
                now=clock.utc_now(),
            )
    definitions = {unit.definition_id: unit for unit in view.units} if view else {}
    if form is None and len(definitions) == 1:
        only = next(iter(definitions))
        form = forms.LotHoldForm(formdata=None, request_id=str(db.new_id()), lot=lot_number, definition_id=str(only))
    page = render_template(
        "recalls/show.html",
        view=view,
        definitions=definitions,
        form=form,
        request_id=db.new_id(),
        may_hold=http.current_actor().can(Permission.HOLD_OPEN),
        error=http.error_sentence(error) if error else "",
        error_next=http.sentence(error.next_step) if error else "",
    )
    return make_response(page, http.status_of(error) if error else 422 if form is not None and form.errors else 200)


@bp.post("/recall/hold")
@http.requires(Permission.HOLD_OPEN)
def hold_lot() -> Response:
    """Block the whole lot that a recall names."""
    form = forms.LotHoldForm()
    definition_id = http.read_request_id(form.definition_id.data)
    lot_number = (form.lot.data or "").strip()
    if not form.validate():
        return _page(lot_number, definition_id, form=form)
    with http.transaction() as session:
        held = service.hold_lot(
            session,
            http.read_request_id(form.request_id.data),
            definition_id=definition_id,
            lot_number=lot_number,
            reason=form.reason.data or "",
            actor=http.current_actor(),
            now=clock.utc_now(),
        )
    flash(
        ngettext("The lot is blocked: %(num)s unit on hand.", "The lot is blocked: %(num)s units on hand.", held),
        "success",
    )
    return redirect(url_for("recalls.show", lot=lot_number, definition=definition_id), code=303)


def _read(raw: str) -> Scan:
    with http.transaction() as session:
        return read_typed(session, raw, today=clock.paris_day(clock.utc_now())).scan
