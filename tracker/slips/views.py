"""The slip of a delivery, printed as it stands now: while it is open, and once it is closed."""

from uuid import UUID

from flask import Blueprint, make_response
from flask_babel import format_decimal, get_locale
from werkzeug.wrappers import Response

from tracker import clock, http
from tracker.actor import Permission
from tracker.arrivals import queries as deliveries
from tracker.arrivals.models import Reception
from tracker.arrivals.rules import Conditions, TallyLine
from tracker.derogations import queries as derogations
from tracker.documents.documents import render
from tracker.findings.rules import FINDINGS, Outcome, worded
from tracker.organisation import queries as organisation
from tracker.organisation.models import Establishment
from tracker.reception import queries
from tracker.reception.queries import LineView, Standing
from tracker.slips.documents import SlipConditionsData, SlipData, SlipLineData, SlipTallyData

bp = Blueprint("slips", __name__, template_folder="templates")


@bp.get("/receptions/<uuid:reception_id>/slip")
@http.requires(Permission.RECEPTION_READ)
def show(reception_id: UUID) -> Response:
    """Answer the slip as PDF; scans that were taken back are left out."""
    with http.transaction() as session:
        reception = deliveries.get_reception(session, reception_id)
        lines = [line for line in queries.list_lines(session, reception_id) if line.corrected_at is None]
        names = derogations.designations(session, {line.derogation_id for line in lines if line.derogation_id})
        standing = queries.find_standing(session, reception)
        seen = deliveries.find_conditions(session, reception_id)
        establishment = organisation.get_establishment(session, http.current_actor().establishment_id)
    data = _data(reception, lines[::-1], names, standing=standing, seen=seen, establishment=establishment)
    answer = make_response(render("slips/slip", data))
    answer.content_type = "application/pdf"
    answer.headers["Content-Disposition"] = f'inline; filename="reception-{reception.number}.pdf"'
    return answer


def _data(
    reception: Reception,
    lines: list[LineView],
    names: dict[UUID, str],
    *,
    standing: Standing,
    seen: Conditions | None,
    establishment: Establishment,
) -> SlipData:
    return SlipData(
        locale="en" if str(get_locale()) == "en" else "fr",
        document_number=str(reception.number),
        generated_at=clock.utc_now().astimezone(clock.PARIS).isoformat(timespec="seconds"),
        establishment={"name": establishment.name, "address": establishment.address, "phone": establishment.phone},
        demonstration=establishment.is_demonstration,
        reception_number=str(reception.number),
        supplier=reception.supplier,
        order_number=reception.order_number,
        delivery_note=reception.delivery_note,
        received_at=reception.opened_at.astimezone(clock.PARIS).isoformat(timespec="seconds"),
        received_by=reception.opened_by_name,
        state=standing.state.value,
        ownership=reception.ownership.value,
        conditions=_conditions(seen) if seen else None,
        tally=[_tally(line) for line in standing.tally.lines] if standing.tally.is_announced else [],
        lines=[_line(line, names) for line in lines],
    )


def _conditions(seen: Conditions) -> SlipConditionsData:
    return SlipConditionsData(
        parcel=seen.parcel.value,
        seals=seen.seals.value,
        temperature=seen.temperature.value,
        measured="" if seen.measured is None else format_decimal(seen.measured),
        remark=seen.remark,
    )


def _tally(line: TallyLine) -> SlipTallyData:
    return SlipTallyData(
        reference=line.reference,
        lot=line.lot,
        expected=line.expected,
        received=line.received,
        quarantined=line.quarantined,
        refused=line.refused,
        missing=line.missing,
        surplus=line.surplus,
    )


def _line(line: LineView, names: dict[UUID, str]) -> SlipLineData:
    stopping = [one for one in line.findings if FINDINGS[one.code].effect is not Outcome.ACCEPTED]
    said = [worded(one, translate=http.sentence, day=http.written_day).sentence for one in stopping]
    return SlipLineData(
        unit_number=line.unit_number or "",
        designation=line.designation or "",
        manufacturer=line.manufacturer_name or "",
        reference=line.reference or "",
        lot=line.lot_number or "",
        serial=line.serial_number or "",
        expires_on=str(line.expiration_date or ""),
        derogation_reference=names.get(line.derogation_id, "") if line.derogation_id else "",
        outcome=line.outcome,
        reasons=said,
    )
