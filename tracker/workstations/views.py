"""Pages of workstations: the list, the sheet to print, the calibration, which one this browser stands at."""

from dataclasses import dataclass
from uuid import UUID

from flask import Blueprint, flash, jsonify, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from scanners.readers import calibration
from scanners.readers.isolation import read_isolated
from scanners.readers.reading import FRAME_LIMITS
from scanners.readers.wedge import GROUP_SEPARATOR, Profile
from scanners.symbols import datamatrix
from tracker import clock, db, http
from tracker.actor import Permission
from tracker.errors import Conflict, InvalidInput
from tracker.workstations import forms, queries, rules, service
from tracker.workstations.forms import WORKSTATION_COOKIE
from tracker.workstations.models import Calibration
from tracker.workstations.rules import FindingWords
from tracker.workstations.service import ReaderUnusable

bp = Blueprint("workstations", __name__, template_folder="templates")

PAGE_LENGTH = 50
HISTORY_LENGTH = 20
_FRAME_SECONDS = 3.0
_COOKIE_SECONDS = 400 * 24 * 3600  # the longest that browsers keep a cookie (RFC 6265bis, section 5.5)


@dataclass(frozen=True, slots=True)
class Result:
    """What a scan of the sheet showed, as the page says it."""

    outcome: str
    """Of the verdicts' colours: ``accepted`` all is well, ``quarantined`` kept with a loss, ``refused`` not kept."""
    title: str
    sentence: str
    findings: tuple[FindingWords, ...]
    next_step: str = ""


@bp.post("/frames")
@http.requires(Permission.ACCOUNT_USE)
def read_frame() -> Response:
    """Answer what a frame of a camera holds, and keep nothing; the page sends it on as a scan.

    One frame is read at a time in each process of the server; meanwhile the answer is 429, and the page waits.
    """
    frame = request.files.get("frame")
    content = frame.read(FRAME_LIMITS.max_bytes + 1) if frame is not None else b""
    reading = read_isolated(content, timeout_seconds=_FRAME_SECONDS, limits=FRAME_LIMITS)
    answer = jsonify({"texts": [symbol.wedge_text for symbol in reading.symbols]})
    if reading.fault is not None and reading.fault.code == "reader-busy":
        answer.status_code = 429
        answer.headers["Retry-After"] = "1"
    return answer


@bp.get("/workstations")
@http.requires(Permission.ACCOUNT_USE)
def index() -> Response:
    """Show the workstations, and which one this browser stands at."""
    after = request.args.get("after", "")
    with http.transaction() as session:
        found = queries.list_workstations(session, after=after, limit=PAGE_LENGTH + 1)
        present = queries.find_workstation(session, forms.chosen_workstation())
    shown = found[:PAGE_LENGTH]
    page = render_template(
        "workstations/index.html",
        workstations=shown,
        present=present,
        following=url_for("workstations.index", after=shown[-1].name) if len(found) > PAGE_LENGTH else None,
        first=url_for("workstations.index") if after else None,
        words=rules.FINDINGS,
        may_calibrate=http.current_actor().can(Permission.WORKSTATION_CALIBRATE),
    )
    return make_response(page)


@bp.route("/workstations/new", methods=["GET", "POST"])
@http.requires(Permission.WORKSTATION_CALIBRATE)
def create() -> Response:
    """Name this workstation, then go to its calibration."""
    form = forms.WorkstationForm()
    if request.method == "GET":
        form.request_id.data = str(db.new_id())
        return make_response(render_template("workstations/new.html", form=form))
    if not form.validate():
        return make_response(render_template("workstations/new.html", form=form), 422)
    try:
        with http.transaction() as session:
            made = service.create_workstation(
                session,
                http.read_request_id(form.request_id.data),
                name=form.name.data or "",
                actor=http.current_actor(),
                now=clock.utc_now(),
            )
    except (Conflict, InvalidInput) as error:
        return http.rejected("workstations/new.html", form, error)
    return _remembering(redirect(url_for("workstations.show", workstation_id=made.id), code=303), made.id)


@bp.post("/workstations/choose")
@http.requires(Permission.ACCOUNT_USE)
def choose() -> Response:
    """Tell this browser at which workstation it stands, or that it stands at none."""
    sent = request.form.get("workstation_id", "")
    answer = redirect(url_for("workstations.index"), code=303)
    if not sent:
        answer.delete_cookie(WORKSTATION_COOKIE)
        flash(_("This computer stands at no workstation now: its reader counts as not calibrated."), "success")
        return answer
    with http.transaction() as session:
        chosen = queries.get_workstation(session, http.read_request_id(sent))
    flash(_("This computer is now '%(name)s'.", name=chosen.name), "success")
    return _remembering(answer, chosen.id)


def _remembering(answer: Response, workstation_id: UUID) -> Response:
    answer.set_cookie(
        WORKSTATION_COOKIE,
        str(workstation_id),
        max_age=_COOKIE_SECONDS,
        httponly=True,
        samesite="Lax",
        secure=http.web().values["secure_cookies"],
    )
    return answer


@bp.get("/workstations/sheet")
@http.requires(Permission.ACCOUNT_USE)
def sheet() -> Response:
    """Show the sheet to print: one symbol whose text is known."""
    return make_response(render_template("workstations/sheet.html", symbol=_symbol()))


def _symbol() -> str:
    return datamatrix.svg(calibration.TEXT)


@bp.get("/workstations/<uuid:workstation_id>")
@http.requires(Permission.ACCOUNT_USE)
def show(workstation_id: UUID) -> Response:
    """Show a workstation, what its calibration says, and the box to calibrate it."""
    return _workstation_page(workstation_id)


@bp.post("/workstations/<uuid:workstation_id>/calibrations")
@http.requires(Permission.WORKSTATION_CALIBRATE)
def calibrate(workstation_id: UUID) -> Response:
    """Take one scan of the sheet; green where the reader can be used, red where a setting has to change first."""
    raw = request.form.get("raw", "")
    try:
        with http.transaction() as session:
            kept = service.calibrate(
                session,
                http.read_request_id(request.form.get("request_id")),
                workstation_id=workstation_id,
                received=raw,
                presses=forms.sent_presses(),
                actor=http.current_actor(),
                now=clock.utc_now(),
            )
    except (Conflict, InvalidInput) as error:
        return _workstation_page(workstation_id, result=_refusal(error), status=http.status_of(error))
    return _remembering(_workstation_page(workstation_id, result=_success(kept)), workstation_id)


def _success(kept: Calibration) -> Result:
    found = tuple(words for code, words in rules.FINDINGS.items() if code in kept.findings)
    if found:
        sentence = _("The text is put right from now on, but the reader leaves something out.")
        return Result("quarantined", _("Calibrated, with a loss"), sentence, found)
    return Result("accepted", _("Calibrated"), _("Every scan of this computer is put right from now on."), ())


def _refusal(error: Conflict | InvalidInput) -> Result:
    codes = error.findings if isinstance(error, ReaderUnusable) else ()
    found = tuple(words for code, words in rules.FINDINGS.items() if code in codes)
    said = "" if found else http.error_sentence(error)
    next_step = "" if found else http.sentence(error.next_step)
    return Result("refused", _("Not calibrated"), said, found, next_step)


def _workstation_page(workstation_id: UUID, *, result: Result | None = None, status: int = 200) -> Response:
    with http.transaction() as session:
        workstation = queries.get_workstation(session, workstation_id)
        history = queries.list_calibrations(session, workstation_id, limit=HISTORY_LENGTH)
    is_calibrated_here = result is not None and result.outcome != "refused"
    page = render_template(
        "workstations/show.html",
        workstation=workstation,
        known=_facts(workstation.calibration),
        history=history,
        words=rules.FINDINGS,
        result=result,
        is_present=is_calibrated_here or forms.chosen_workstation() == workstation_id,
        symbol=_symbol(),
        request_id=db.new_id(),
        may_calibrate=http.current_actor().can(Permission.WORKSTATION_CALIBRATE),
    )
    return make_response(page, status)


def _facts(present: Calibration | None) -> list[tuple[str, str]]:
    """Return what the present calibration says, label by label."""
    if present is None:
        return []
    profile = Profile.from_json(present.profile)
    pair = rules.layouts_of(present.layout)
    unchanged = _("as the reader sends it") if profile.is_identity else _("put right, character by character")
    return [
        (_("Keyboard of the reader"), http.sentence(rules.HOST_LABELS[pair[0]]) if pair else _("not a known layout")),
        (_("Keyboard of the computer"), http.sentence(rules.HOST_LABELS[pair[1]]) if pair else _("not a known layout")),
        (_("Text"), unchanged),
        (_("Separator between the fields"), _separator(profile.separator)),
        (_("AIM identifier"), _("sent: it is checked at every scan") if profile.identifier else _("not sent")),
        (_("Before each scan"), profile.prefix or _("nothing")),
        (_("After each scan"), profile.suffix or _("nothing but the end key")),
    ]


def _separator(separator: str | None) -> str:
    words: str = _("does not arrive")
    if separator == GROUP_SEPARATOR:
        words = _("arrives as GS (ASCII 29)")
    elif separator is not None:
        words = _("arrives as %(text)s", text=separator)
    return words
