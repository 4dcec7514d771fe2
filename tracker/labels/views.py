"""Printing the labels of units."""

from datetime import datetime

from flask import Blueprint, make_response, request
from flask_babel import get_locale
from werkzeug.wrappers import Response

from scanners.symbols import code128, datamatrix
from tracker import clock, http
from tracker.actor import Permission
from tracker.documents.documents import render
from tracker.labels import service
from tracker.labels.documents import ROLL, SHEET_OF_21, SHEET_OF_24
from tracker.labels.service import PrintedLabel
from tracker.organisation import queries as organisation

bp = Blueprint("labels", __name__, template_folder="templates")

_LAYOUTS = {"roll": ROLL, "sheet21": SHEET_OF_21, "sheet24": SHEET_OF_24}


@bp.post("/units/<number>/label")
@http.requires(Permission.RECEPTION_WRITE)
def print_unit(number: str) -> Response:
    """Print the label of one unit; every print is logged, the second one is marked."""
    now = clock.utc_now()
    with http.transaction() as session:
        printed = service.print_label(
            session,
            http.read_request_id(request.form.get("request_id")),
            number=number,
            actor=http.current_actor(),
            now=now,
            today=clock.paris_day(now),
        )
        establishment = organisation.get_establishment(session, http.current_actor().establishment_id)
        head = {
            "name": establishment.name,
            "address": establishment.address,
            "phone": establishment.phone,
        }
        demonstration = establishment.is_demonstration
    data = _label_data(printed, now) | {"establishment": head, "demonstration": demonstration}
    answer = make_response(render("labels/labels", data))
    answer.content_type = "application/pdf"
    answer.headers["Content-Disposition"] = f'inline; filename="{printed.unit.number}.pdf"'
    return answer


def _label_data(printed: PrintedLabel, now: datetime) -> dict[str, object]:
    unit = printed.unit
    data: dict[str, object] = {
        "locale": "en" if str(get_locale()) == "en" else "fr",
        "document_number": unit.number,
        "generated_at": now.astimezone(clock.PARIS).isoformat(timespec="seconds"),
        "layout": _LAYOUTS.get(request.form.get("paper", ""), ROLL),
        "labels": [
            {
                "unit_number": unit.number,
                "data_matrix": datamatrix.svg(unit.number),
                "code128": code128.svg(unit.number),
                "designation": unit.definition.designation,
                "manufacturer": unit.definition.manufacturer_name,
                "reference": unit.definition.reference,
                "lot": unit.lot_number or "",
                "serial": unit.serial_number or "",
                "expires_on": str(unit.expiration_date or ""),
                "derogation_until": str(printed.derogation_until or ""),
                "outcome": "accepted" if unit.is_usable else "quarantined",
                "reprint": printed.is_reprint,
            }
        ],
    }
    return data
