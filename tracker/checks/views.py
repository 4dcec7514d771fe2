"""The page that says whether a device may be received or used, and writes nothing."""

from dataclasses import dataclass
from datetime import date

from flask import Blueprint, make_response, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from scanners import Scan, Status
from tracker import clock, db, http
from tracker.actor import Permission
from tracker.checks import service
from tracker.checks.forms import read_label, read_sent_codes
from tracker.errors import InvalidInput, TraceError
from tracker.findings.rules import Outcome, WordedFinding, worded
from tracker.verdicts.queries import Assessment
from tracker.verdicts.rules import Purpose
from tracker.workstations import queries as workstations
from tracker.workstations.forms import chosen_workstation, sent_presses
from tracker.workstations.rules import keyed_text

bp = Blueprint("checks", __name__, template_folder="templates")


@dataclass(frozen=True, slots=True)
class Card:
    """A verdict as the page shows it."""

    outcome: Outcome
    findings: tuple[WordedFinding, ...]
    subject: str
    details: tuple[tuple[str, object], ...]
    unit_number: str | None


@bp.route("/scan", methods=["GET", "POST"])
@http.requires(Permission.UNIT_CHECK)
def ask() -> Response:
    """Say whether a device may be received or used, and write nothing."""
    purpose = _purpose()
    if request.method == "GET":
        return _page(purpose)
    raw, now = request.form.get("raw", ""), clock.utc_now()
    try:
        read = _read_request(raw, today=clock.paris_day(now))
        with http.reading() as session:
            found = service.check(
                session, scan=read, today=clock.paris_day(now), now=now, actor=http.current_actor(), purpose=purpose
            )
    except InvalidInput as error:
        return http.answer_error(error) if http.wants_fragment() else _page(purpose, error=error, value=raw)
    card = _card(found, read)
    if http.wants_fragment():
        return make_response(render_template("checks/_card.html", card=card, is_new=True))
    return _page(purpose, card=card)


def _read_request(raw: str, *, today: date) -> Scan:
    """Return what the request carries: the photo where there is one, else the text."""
    read = read_sent_codes(today=today)
    if read is not None:
        return read
    with http.reading() as session:
        reader = workstations.find_reader(session, chosen_workstation())
    return read_label(reader, raw, today=today, keyed=keyed_text(sent_presses())).scan


def _purpose() -> Purpose:
    asked = request.values.get("purpose", "")
    if asked in set(Purpose):
        return Purpose(asked)
    return Purpose.RECEIVE if http.current_actor().can(Permission.RECEPTION_WRITE) else Purpose.USE


def _card(found: Assessment, read: Scan) -> Card:
    definition = found.definition
    return Card(
        outcome=found.verdict.outcome,
        findings=tuple([worded(one, translate=http.sentence, day=http.written_day) for one in found.verdict.findings]),
        subject=f"{definition.designation} · {definition.manufacturer_name}" if definition else "",
        details=() if read.status is Status.PATIENT else _details(found),
        unit_number=found.unit.number if found.unit else None,
    )


def _details(found: Assessment) -> tuple[tuple[str, object], ...]:
    items = (
        (_("Reference"), found.definition.reference if found.definition else None),
        (_("Lot"), found.udi.lot),
        (_("Serial number"), found.udi.serial),
        (_("Last day of use"), http.written_day(found.udi.expiration_date) or None),
    )
    return tuple([(label, value) for label, value in items if value])


def _page(purpose: Purpose, *, card: Card | None = None, error: TraceError | None = None, value: str = "") -> Response:
    actor = http.current_actor()
    page = render_template(
        "checks/ask.html",
        purpose=purpose.value,
        card=card,
        request_id=db.new_id(),
        value=value,
        error=http.error_sentence(error) if error else "",
        error_next=http.sentence(error.next_step) if error else "",
        may_receive=actor.can(Permission.RECEPTION_WRITE),
    )
    return make_response(page, http.status_of(error) if error else 200)
