"""Pages of the stock: the list with its search, its exports, its picture."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from enum import StrEnum
from io import BytesIO
from itertools import islice
from typing import Any, TypeVar

from flask import Blueprint, Response, make_response, redirect, render_template, request, send_file, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from scanners import Status
from scanners.udi.unit import is_unit_label
from tracker import clock, db, http
from tracker.actor import Permission
from tracker.catalogue.documents import CSV_TYPE, XLSX_TYPE, Cell, csv_lines, write_xlsx
from tracker.catalogue.forms import one_line
from tracker.derogations import queries as derogations
from tracker.devices.rules import STATE_LABELS, UnitState
from tracker.errors import N_, InvalidInput
from tracker.organisation import queries as organisation
from tracker.stock import queries, rules, service
from tracker.stock.forms import read_filters
from tracker.stock.queries import Origin, UnitLine
from tracker.stock.rules import Position, StockFilters
from tracker.workstations.forms import read_typed
from tracker.workstations.rules import searched_text

bp = Blueprint("stock", __name__, template_folder="templates")

PAGE_LENGTH = 50
Code = TypeVar("Code", bound=StrEnum)

END_LABELS: Mapping[str, str] = {
    "ended": N_("No longer in force"),
    "month": N_("Within 30 days"),
    "quarter": N_("Within 90 days"),
    "half": N_("Within 180 days"),
    "later": N_("Later"),
    "unknown": N_("End not recorded"),
    "none": N_("No derogation lists the reference"),
}
END_TONES = {"ended": "refused", "month": "refused", "quarter": "quarantined", "later": "accepted", "half": "inform"}
STATE_TONES = {
    UnitState.RELEASED: "accepted",
    UnitState.DELIVERED: "inform",
    UnitState.QUARANTINED: "quarantined",
}


class PatientLabelSearched(InvalidInput):
    """The label of a patient was scanned to find a unit."""

    code = "unit-search-patient-label"


@bp.post("/units")
@http.requires(Permission.UNIT_READ)
def find() -> BaseResponse:
    """Take what was scanned to find units and lead to them; sent as a form, so that no address holds it raw.

    Raises:
        PatientLabelSearched: it is the label of a patient.
    """
    with http.transaction() as session:
        read = read_typed(session, request.form.get("raw", ""), today=clock.paris_day(clock.utc_now())).scan
    if read.status is Status.PATIENT:
        raise PatientLabelSearched(
            N_("This is the label of a patient. Nothing of it was kept."), next_step=N_("Scan the label of the device.")
        )
    return redirect(url_for("stock.index", q=one_line(searched_text(read))), code=303)


@bp.get("/units")
@http.requires(Permission.UNIT_READ)
def index() -> BaseResponse:
    """Show the stock, newest first; a scanned unit label leads straight to its unit."""
    filters = read_filters(request.args)
    if is_unit_label(filters.text):
        return redirect(url_for("chronicle.show", number=filters.text.upper()), code=303)
    after = rules.read_position(request.args.get("before", ""))
    now = clock.utc_now()
    with http.transaction() as session:
        filters = queries.narrow(session, filters, day=clock.paris_day(now), now=now)
        units = queries.list_units(session, after=after, limit=PAGE_LENGTH + 1, filters=filters)
        wards = organisation.list_wards(session)
        standings = derogations.list_standings(session, day=clock.paris_day(now), known_at=now)
    shown = units[:PAGE_LENGTH]
    page = render_template(
        "stock/index.html",
        units=shown,
        filters=filters,
        wards=wards,
        derogations=standings,
        states=_words(STATE_LABELS),
        ends={code: _(END_LABELS[code]) for code in rules.END_CODES},
        is_narrowed=filters != StockFilters(),
        older=_address("stock.index", filters, before=shown[-1].position) if len(units) > PAGE_LENGTH else None,
        newest=_address("stock.index", filters) if after is not None else None,
        as_csv=_address("stock.export_csv", filters),
        as_xlsx=_address("stock.export_xlsx", filters),
        may_receive=http.current_actor().can(Permission.RECEPTION_WRITE),
    )
    return make_response(page)


def _address(endpoint: str, filters: StockFilters, *, before: Position | None = None) -> str:
    asked: dict[str, Any] = {
        "q": filters.text or None,
        "state": filters.state,
        "ward": filters.ward_id,
        "derogation": filters.derogation_id,
        "expires": filters.expires_until,
        "end": filters.end or None,
        "before": before,
    }
    return url_for(endpoint, **asked)


def _words(labels: Mapping[Code, str]) -> dict[str, str]:
    return {code.value: _(label) for code, label in labels.items()}


@bp.get("/units/export.csv")
@http.requires(Permission.UNIT_READ)
def export_csv() -> Response:
    """Send the list as CSV, line by line while it is read."""
    filters = _begin_export("csv")
    lines = csv_lines(_header(), _rows(filters))
    answer = Response(lines, content_type=CSV_TYPE)
    answer.headers["Content-Disposition"] = f"attachment; filename={_filename('csv')}"
    return answer


@bp.get("/units/export.xlsx")
@http.requires(Permission.UNIT_READ)
def export_xlsx() -> Response:
    """Send the list as a spreadsheet; a longer one than people open is refused."""
    filters = _begin_export("xlsx")
    file = BytesIO()
    write_xlsx(file, _header(), _at_most(_rows(filters)))
    file.seek(0)
    return send_file(file, mimetype=XLSX_TYPE, as_attachment=True, download_name=_filename("xlsx"))


def _begin_export(form: str) -> StockFilters:
    filters, now = read_filters(request.args), clock.utc_now()
    with http.transaction() as session:
        filters = queries.narrow(session, filters, day=clock.paris_day(now), now=now)
        service.record_export(session, filters=filters, form=form, actor=http.current_actor(), now=now)
    return filters


def _filename(form: str) -> str:
    return f"{_('units')}-{clock.paris_day(clock.utc_now()).isoformat()}.{form}"


def _header() -> list[str]:
    return [
        _("Unit"),
        _("State"),
        _("On hold"),
        _("Reference"),
        _("Device"),
        _("Manufacturer"),
        _("Lot"),
        _("Serial number"),
        _("Last day of use"),
        _("Ward or theatre"),
        _("Supplier"),
        _("Delivery"),
        _("Derogation at reception"),
    ]


def _rows(filters: StockFilters) -> Iterator[list[Cell]]:
    """Return the rows of an export; the words are fixed before the answer begins, when the language is still known."""
    states, yes, no = _words(STATE_LABELS), _("yes"), _("no")
    database, establishment_id = http.database(), http.current_actor().establishment_id

    def rows() -> Iterator[list[Cell]]:
        with db.transaction(database, establishment_id) as session:
            for unit, origin in queries.walk_units(session, filters=filters):
                yield _row(unit, origin, state=states[unit.state], on_hold=yes if unit.open_hold_count else no)

    return rows()


def _row(unit: UnitLine, origin: Origin, *, state: str, on_hold: str) -> list[Cell]:
    return [
        unit.number,
        state,
        on_hold,
        unit.reference,
        unit.designation,
        unit.manufacturer_name,
        unit.lot_number,
        unit.serial_number,
        unit.expiration_date,
        unit.ward_name,
        origin.supplier,
        origin.delivery_number,
        origin.derogation,
    ]


def _at_most(rows: Iterator[list[Cell]]) -> Iterator[list[Cell]]:
    yield from islice(rows, rules.MOST_XLSX_ROWS)
    if next(rows, None) is not None:
        rules.check_export(rules.MOST_XLSX_ROWS + 1)


@bp.get("/stock")
@http.requires(Permission.UNIT_READ)
def picture() -> BaseResponse:
    """Show what is on hand by state, and by the end of its derogation."""
    now = clock.utc_now()
    today = clock.paris_day(now)
    with http.transaction() as session:
        counts = queries.count_on_hand(session)
        groups = rules.group_ends(queries.count_ends(session, counts, today=today, now=now))
    bars = [
        {
            "label": _(STATE_LABELS[state]),
            "count": count,
            "tone": STATE_TONES[state],
            "href": url_for("stock.index", state=state.value),
        }
        for state, count in rules.sum_states(counts).items()
    ]
    ends = [
        {
            "label": _(END_LABELS[group.code]),
            "count": group.count,
            "tone": END_TONES.get(group.code, "neutral"),
            "href": url_for("stock.index", end=group.code),
        }
        for group in groups
    ]
    soon = url_for("stock.index", expires=_in_three_months(now).isoformat())
    return make_response(render_template("stock/picture.html", bars=bars, ends=ends, soon=soon))


def _in_three_months(now: datetime) -> date:
    return date.fromordinal(clock.paris_day(now).toordinal() + 90)
