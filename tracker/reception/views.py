"""Pages of goods-in: deliveries, the bench, entry by hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from scanners import Scan, Status, Udi
from scanners.assemble import SYMBOL_SEPARATOR, read_symbols
from tracker import clock, db, http
from tracker.actor import Permission
from tracker.arrivals import queries as deliveries
from tracker.catalogue import queries as catalogue
from tracker.checks.forms import (
    PhotoDoubtful,
    SeenSymbol,
    joined_symbols,
    read_apart,
    read_label,
    read_sent_codes,
)
from tracker.checks.rules import is_half, names_device
from tracker.devices.rules import EntryMethod, Finding
from tracker.errors import N_, Conflict, InvalidInput, RuleRefused, TraceError
from tracker.findings.rules import Outcome, WordedFinding, worded
from tracker.reception import forms, queries, rules, service
from tracker.reception.queries import LineView
from tracker.reception.service import Arrival, PackToCount, PatientLabelScanned
from tracker.upkeep import service as upkeep
from tracker.upkeep.forms import sent_photo
from tracker.verdicts.queries import Box
from tracker.verdicts.rules import is_overridable
from tracker.workstations import queries as workstations
from tracker.workstations.forms import chosen_workstation, sent_presses
from tracker.workstations.rules import Capture, Reader, keyed_text

bp = Blueprint("reception", __name__, template_folder="templates")

PAGE_LENGTH = 50
BENCH_LENGTH = 20
"""Last scans in sight on the bench, and deliveries whose rest is awaited on the list; the others are a click away."""


@dataclass(frozen=True, slots=True)
class Card:
    """A verdict as a page shows it."""

    outcome: Outcome
    findings: tuple[WordedFinding, ...]
    subject: str
    details: tuple[tuple[str, object], ...]
    unit_number: str | None = None
    line: LineView | None = None
    readings: tuple[Udi, ...] = ()
    """Of an ambiguous code: what a person may choose from."""
    may_override: bool = False
    """Only a check digit is wrong."""
    may_complete: bool = False
    """What is missing may be typed."""
    also_numbers: tuple[str, ...] = ()
    """Numbers of the other units of the same pack."""
    known_number: str = ""
    """The unit that carries the scanned label or serial number already."""
    missing_code: Mapping[str, str] = field(default_factory=dict)
    """What the form of a new device of the catalogue is filled with, where the catalogue has none of this code."""
    photo_id: UUID | None = None
    """What was photographed of a refused box."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A code that says too little for a verdict: nothing is written before the next step."""

    kind: str
    """``half``: the other symbol of the label is needed; ``pack``: the number of units is; ``choice``: a person says
    which codes of a photo are of one unit."""
    reception_id: UUID
    raw: str
    sentence: str
    next_step: str
    announced: str = ""
    symbols: tuple[SeenSymbol, ...] = ()


def _worded(findings: tuple[Finding, ...]) -> tuple[WordedFinding, ...]:
    return tuple([worded(finding, translate=http.sentence, day=http.written_day) for finding in findings])


def _details(udi: Udi, reference: str | None) -> tuple[tuple[str, object], ...]:
    items = (
        (_("Reference"), reference),
        (_("Lot"), udi.lot),
        (_("Serial number"), udi.serial),
        (_("Last day of use"), http.written_day(udi.expiration_date) or None),
    )
    return tuple([(label, value) for label, value in items if value])


_COMPLETABLE = frozenset({"lot-and-serial-missing", "definition-several", "scan-unknown", "device-not-named"})


def _card_of_line(line: LineView) -> Card:
    read = _read_again(line) if line.outcome is Outcome.REFUSED else None
    known = Udi(lot=line.lot_number, serial=line.serial_number, expiration_date=line.expiration_date)
    codes = {finding.code for finding in line.findings}
    return Card(
        outcome=line.outcome,
        findings=_worded(line.findings),
        subject=_subject(line.designation, line.manufacturer_name),
        details=_details(known, line.reference),
        unit_number=line.unit_number,
        line=line,
        readings=read.readings if read and "scan-ambiguous" in codes else (),
        may_override=read is not None and "scan-invalid" in codes and is_overridable(read),
        may_complete=bool(codes & _COMPLETABLE),
        known_number=_known_number(line.findings),
        missing_code=_missing_code(line.findings, read),
    )


def _missing_code(findings: tuple[Finding, ...], read: Scan | None) -> dict[str, str]:
    code = next((str(one.data.get("code", "")) for one in findings if one.code == "definition-unknown"), "")
    if not code:
        return {}
    udi = read.udi if read else None
    return {"udi_di" if udi is not None and udi.udi_di == code else "reference": code}


def _known_number(findings: tuple[Finding, ...]) -> str:
    known = {finding.code: finding.data for finding in findings}
    return str((known.get("unit-label-scanned") or known.get("serial-already-known") or {}).get("number", ""))


def _subject(designation: str | None, manufacturer: str | None) -> str:
    return f"{designation} · {manufacturer}" if designation else ""


def _read_again(line: LineView) -> Scan | None:
    """Read the kept text of a line again; the reading of a text never changes from one day to the next."""
    if line.raw_scan is None:
        return None
    text, today = line.raw_scan.decode("utf-8", "surrogatepass"), clock.paris_day(line.at)
    if line.entry_method is EntryMethod.PHOTO:
        return read_symbols(text.split(SYMBOL_SEPARATOR), reference_date=today)
    return read_label(line.reader, text, today=today, keyed=line.keyed).scan


def _patient_card() -> Card:
    return Card(Outcome.REFUSED, _worded((Finding("patient-label"),)), "", ())


@bp.get("/receptions")
@http.requires(Permission.RECEPTION_READ)
def index() -> Response:
    """Show the deliveries, newest first."""
    before = request.args.get("before", type=int)
    with http.transaction() as session:
        found = queries.list_receptions(session, before=before and max(0, min(before, 10**12)), limit=PAGE_LENGTH + 1)
        awaited = queries.list_awaited(session, limit=BENCH_LENGTH) if before is None else ()
    shown = found[:PAGE_LENGTH]
    older = url_for("reception.index", before=shown[-1].number) if len(found) > PAGE_LENGTH else None
    newest = url_for("reception.index") if before is not None else None
    return make_response(
        render_template("reception/index.html", receptions=shown, awaited=awaited, older=older, newest=newest)
    )


@bp.get("/receptions/<uuid:reception_id>")
@http.requires(Permission.RECEPTION_READ)
def show(reception_id: UUID) -> Response:
    """Show the bench of a delivery: the scan box and the last verdicts."""
    return _bench(reception_id)


def _bench(
    reception_id: UUID,
    *,
    error: TraceError | None = None,
    value: str = "",
    first: Card | None = None,
    pending: Pending | None = None,
) -> Response:
    show_all = request.args.get("all") == "1"
    with http.transaction() as session:
        reception = deliveries.get_reception(session, reception_id)
        lines = queries.list_lines(session, reception_id, limit=None if show_all else BENCH_LENGTH)
        counts = queries.count_outcomes(session, reception_id)
        unit_numbers = queries.list_unit_numbers(session, reception_id)
        standing = queries.find_standing(session, reception)
        photos = queries.find_photos(session, lines)
    cards = [replace(_card_of_line(line), photo_id=photos.get(line.id)) for line in lines]
    page = render_template(
        "reception/show.html",
        reception=reception,
        cards=[first, *cards] if first else cards,
        standing=standing,
        warnings=_worded(standing.warnings),
        counts={outcome.value: counts.get(outcome, 0) for outcome in Outcome},
        unit_numbers=unit_numbers,
        hidden_count=sum(counts.values()) - len(lines),
        request_id=db.new_id(),
        value=value,
        pending=pending,
        first_half=pending.raw if pending and pending.kind == "half" else "",
        error=http.error_sentence(error) if error else "",
        error_next=http.sentence(error.next_step) if error else "",
        **_card_context(),
    )
    return make_response(page, http.status_of(error) if error else 200)


def _card_context() -> dict[str, Any]:
    actor = http.current_actor()
    return {"new_id": db.new_id, "keep_for": actor.id, "may_receive": actor.can(Permission.RECEPTION_WRITE)}


@bp.post("/receptions/<uuid:reception_id>/lines")
@http.requires(Permission.RECEPTION_WRITE)
def receive(reception_id: UUID) -> Response:
    """Receive one scanned box; the page's script gets the cards alone."""
    raw = _raw_of_request()
    try:
        shown = _receive(reception_id, raw)
    except PatientLabelScanned as error:
        if http.wants_fragment():
            waiting = [_fragment(card) for card in _still_waiting(reception_id)]
            return make_response("".join([_fragment(_patient_card()), *waiting]), http.status_of(error))
        return _bench(reception_id, error=error, first=_patient_card())
    except PackToCount as error:
        shown = [_pack_to_count(reception_id, raw, error)]
    except (InvalidInput, Conflict, RuleRefused) as error:
        if not isinstance(error, PhotoDoubtful) or not error.symbols:
            return http.answer_error(error) if http.wants_fragment() else _bench(reception_id, error=error, value=raw)
        shown = [_choice(reception_id, error)]
    if http.wants_fragment():
        return make_response("".join(_fragment(card) for card in shown))
    if isinstance(shown[0], Pending):
        return _bench(reception_id, pending=shown[0])
    return redirect(url_for("reception.show", reception_id=reception_id), code=303)


def _raw_of_request() -> str:
    """Return what was scanned; after the first half of a label, both symbols."""
    return joined_symbols(request.form.get("first", ""), request.form.get("raw", ""))


def _pack_to_count(reception_id: UUID, raw: str, error: PackToCount) -> Pending:
    announced = str(error.data["announced"])
    return Pending("pack", reception_id, raw, http.error_sentence(error), http.sentence(error.next_step), announced)


def _choice(reception_id: UUID, error: PhotoDoubtful) -> Pending:
    next_step = _("Tick those that stand on one box, receive it, then tick those of the next one.")
    return Pending("choice", reception_id, "", http.error_sentence(error), next_step, symbols=error.symbols)


def _fragment(card: Card | Pending) -> str:
    template = "reception/_pending.html" if isinstance(card, Pending) else "reception/_card.html"
    return render_template(template, card=card, is_new=True, **_card_context())


def _receive(reception_id: UUID, raw: str) -> list[Card | Pending]:
    now = clock.utc_now()
    line_id = http.read_request_id(request.form.get("request_id"))
    count = request.form.get("count", type=int)
    if (earlier := _uuid(request.form.get("from_line"))) is not None:
        with http.transaction() as session:
            line = queries.get_line(session, earlier)
        reading, override = request.form.get("reading", type=int), request.form.get("override", "")
        box = replace(_box_again(line), reading=reading, override=override, count=count)
        return [_card_of_lines(_take(reception_id, [Arrival(line_id, box)], now))]
    arrived, method = _read_request(raw, now)
    read = arrived.scan
    apart = read_apart(arrived.reader, raw, today=clock.paris_day(now))
    waits = is_half(read) and request.form.get("alone") != "1" and count is None
    if waits and not rules.is_stray(apart):
        return [_half(reception_id, raw, read)]
    if waits or (read.status is Status.INVALID and len(apart) > 1):
        boxes = [Box(one, method, reader=arrived.reader) for one in apart]
        boxes[-1] = replace(boxes[-1], count=count)
        half = rules.place_of_half(apart)
        return _receive_apart(reception_id, raw, boxes, half=half, line_id=line_id, now=now)
    box = Box(read, method, count=count, reader=arrived.reader, keyed=arrived.keyed)
    return [_card_of_lines(_take(reception_id, [Arrival(line_id, box)], now))]


def _receive_apart(
    reception_id: UUID, raw: str, boxes: list[Box], *, half: int | None, line_id: UUID, now: datetime
) -> list[Card | Pending]:
    """Receive symbols that are of two labels, newest first; the half among them waits for its own other code."""
    judged = [box for place, box in enumerate(boxes) if place != half]
    arrivals = [Arrival(rules.id_in_pack(line_id, place), box) for place, box in enumerate(judged)]
    lines = _take(reception_id, arrivals, now)
    cards: list[Card | Pending] = [_card_of_lines(lines[len(judged) - 1 :])]
    cards += [_card_of_line(line) for line in lines[: len(judged) - 1]]
    if half is not None and (read := boxes[half].scan) is not None:
        cards.insert(0, _half(reception_id, raw.rsplit(SYMBOL_SEPARATOR, 1)[half], read))
    return cards


def _still_waiting(reception_id: UUID) -> list[Pending]:
    """Return the half that a patient's label was scanned after: it waits on."""
    first = joined_symbols("", request.form.get("first", ""))
    read = read_label(Reader(), first, today=clock.paris_day(clock.utc_now())).scan
    return [_half(reception_id, first, read)] if is_half(read) else []


def _half(reception_id: UUID, raw: str, read: Scan) -> Pending:
    sentence = _("This code names the device.")
    if not names_device(read):
        sentence = _("This code gives the lot or the date.")
    next_step = _("Scan the other code of the same box. Nothing was written yet.")
    return Pending("half", reception_id, raw, sentence, next_step)


def _box_again(line: LineView) -> Box:
    return Box(_read_again(line), line.entry_method, reader=line.reader, keyed=line.keyed)


def _take(reception_id: UUID, arrivals: list[Arrival], now: datetime) -> list[LineView]:
    with http.transaction(keeps_plans=True) as session:
        return service.receive_many(
            session,
            reception_id,
            arrivals=arrivals,
            actor=http.current_actor(),
            now=now,
            today=clock.paris_day(now),
        )


def _card_of_lines(lines: list[LineView]) -> Card:
    """Return one card for the units of one box."""
    return replace(_card_of_line(lines[0]), also_numbers=tuple([line.unit_number or "" for line in lines[1:]]))


@bp.post("/receptions/<uuid:reception_id>/lines/<uuid:box_id>/correction")
@http.requires(Permission.RECEPTION_WRITE)
def correct(reception_id: UUID, box_id: UUID) -> Response:
    """Take back a scan that was a mistake; nothing is deleted."""
    try:
        with http.transaction() as session:
            line = service.correct_line(
                session,
                http.read_request_id(request.form.get("request_id")),
                line_id=box_id,
                reason=request.form.get("reason", ""),
                actor=http.current_actor(),
                now=clock.utc_now(),
            )
    except (InvalidInput, Conflict) as error:
        return http.answer_error(error) if http.wants_fragment() else _bench(reception_id, error=error)
    if http.wants_fragment():
        return make_response(_fragment(_card_of_line(line)))
    if line.unit_number:
        flash(_("The receipt of %(number)s is taken back: destroy its label.", number=line.unit_number), "success")
    return redirect(url_for("reception.show", reception_id=reception_id), code=303)


def _read_request(raw: str, now: datetime) -> tuple[Capture, EntryMethod]:
    """Return what the request carries: the photo where there is one, else the text."""
    today = clock.paris_day(now)
    read = read_sent_codes(today=today)
    if read is not None:
        return Capture(read, Reader()), EntryMethod.PHOTO
    with http.reading() as session:
        reader = workstations.find_reader(session, chosen_workstation())
    return read_label(reader, raw, today=today, keyed=keyed_text(sent_presses())), EntryMethod.SCANNED


def _uuid(text: str | None) -> UUID | None:
    return http.read_request_id(text) if text else None


@bp.route("/receptions/<uuid:reception_id>/by-hand", methods=["GET", "POST"])
@http.requires(Permission.RECEPTION_WRITE)
def enter_by_hand(reception_id: UUID) -> Response:
    """Enter a box without any code, or complete what a code did not say."""
    form = forms.EntryForm()
    line_id = _uuid(form.from_line.data or request.args.get("line"))
    with http.transaction() as session:
        reception = deliveries.get_reception(session, reception_id)
        line = queries.get_line(session, line_id) if line_id else None
        reference = form.typed().reference or (line.reference if line else None) or ""
        form.offer(catalogue.find_definitions(session, udi_di=None, reference=reference))
    if request.method == "GET":
        form.request_id.data, form.from_line.data = str(db.new_id()), str(line_id or "")
        form.reference.data = reference
        return make_response(render_template("reception/by_hand.html", form=form, reception=reception, line=line))
    try:
        _check_entry(form, line)
        _receive_by_hand(reception_id, form, line)
    except (InvalidInput, Conflict, RuleRefused) as error:
        return http.rejected("reception/by_hand.html", form, error, reception=reception, line=line)
    return redirect(url_for("reception.show", reception_id=reception_id), code=303)


class EntryIncomplete(InvalidInput):
    """An entry by hand lacks what identifies a device."""

    code = "entry-incomplete"


def _check_entry(form: forms.EntryForm, line: LineView | None) -> None:
    """Check the fields of an entry by hand.

    Raises:
        EntryIncomplete: a field is missing or cannot be read.
    """
    form.validate()
    fields: dict[str, str] = {}
    typed = form.typed()
    if line is None and not typed.reference:
        fields["reference"] = N_("Write the reference printed on the box.")
    fields |= form.find_unidentified(is_known=line is not None and bool(line.lot_number or line.serial_number))
    if form.is_choice_missing():
        fields["definition"] = N_("Several manufacturers have this reference: choose one.")
    if fields or form.errors:
        raise EntryIncomplete(N_("Something is missing."), fields=fields, next_step=N_("Complete the fields below."))


def _receive_by_hand(reception_id: UUID, form: forms.EntryForm, line: LineView | None) -> None:
    box = _box_again(line) if line and line.raw_scan is not None else Box(None, EntryMethod.MANUAL)
    box = replace(box, typed=form.typed(), definition_id=form.chosen(), count=form.count.data)
    photo, now, actor = sent_photo(request.files.get("photo")), clock.utc_now(), http.current_actor()
    arrival, today = Arrival(http.read_request_id(form.request_id.data), box), clock.paris_day(now)
    with http.transaction() as session:
        first = service.receive_many(session, reception_id, arrivals=[arrival], actor=actor, now=now, today=today)[0]
        if photo is None:
            return
        if first.unit_number:
            number = first.unit_number
            upkeep.keep_photo(session, first.id, number=number, photo=photo, actor=actor, now=now, today=today)
        else:
            subject = queries.photo_subject(first.id)
            upkeep.keep_photo_of_refused(
                session, first.id, subject=subject, photo=photo, actor=actor, now=now, today=today
            )
