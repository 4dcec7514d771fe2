"""The home page: what each person has to do now, and the proof that the warnings ran."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from flask import Blueprint, make_response, render_template, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from tracker import clock, http, schedule
from tracker.actor import Actor, Permission
from tracker.alerts import queries, rules, service
from tracker.alerts.queries import OperationAlert
from tracker.db import Session
from tracker.derogations.queries import DerogationStanding
from tracker.effects import rules as effects
from tracker.examinations import queries as examinations
from tracker.examinations.rules import SOON_DAYS
from tracker.followups import queries as followups
from tracker.followups.queries import LateReport
from tracker.followups.rules import sent_before
from tracker.outbox import queries as outbox
from tracker.recaps import queries as recaps
from tracker.recaps.rules import DueState
from tracker.requests import queries as requests
from tracker.unidentified import queries as unidentified
from tracker.vigilance.models import Incident
from tracker.vigilance.rules import ReportRecipient, case_number

bp = Blueprint("alerts", __name__, template_folder="templates")

_INCIDENT = "exclamation-triangle"
_SHOWN_OPERATIONS = 50
_SHOWN_LATE = 20
_MAIL_PATIENCE = timedelta(minutes=15)
_DECISION_PATIENCE = timedelta(days=90)
"""How long somebody waits for a patient's decision; later, the operation is planned anew or given up."""


@dataclass(frozen=True, slots=True)
class Todo:
    """One thing to do now."""

    title: str
    text: str
    href: str
    action: str
    count: int | None = None
    urgency: str = "none"
    """``"none"``, ``"soon"`` or ``"urgent"``."""
    icon: str = "arrow-right-circle"


@dataclass(frozen=True, slots=True)
class EndWarning:
    """One derogation about to end, as the home page shows it."""

    title: str
    manufacturer: str
    valid_until: date
    words: str
    href: str
    raised_at: datetime
    is_over: bool
    stopped: str
    """``"suspended"`` or ``"withdrawn"`` where the derogation is worth nothing before its end; empty otherwise."""


@bp.get("/")
@http.requires(Permission.ACCOUNT_USE)
def home() -> Response:
    """Show what waits for the person who is logged in."""
    actor, now = http.current_actor(), clock.utc_now()
    today = clock.paris_day(now)
    with http.transaction() as session:
        todos = [
            *_bench(session, actor),
            *_theatre(session, actor, now),
            *_examinations(session, actor, now),
            *_vigilance(session, actor, now),
            *_requests(session, actor, now),
            *_recaps(session, actor, now),
            *_mail(session, actor, now),
            *_office(actor),
        ]
        warnings = _warnings(session, actor, now=now, today=today)
        operations = _operations(session, actor, today)
        job = {
            "last_success": schedule.find_last_success(session, rules.WARNING_JOB),
            "error": schedule.find_last_error(session, rules.WARNING_JOB),
        }
    page = render_template(
        "alerts/home.html",
        todos=sorted(todos, key=lambda todo: todo.urgency != "urgent"),
        warnings=warnings,
        operations=operations,
        sees_operations=actor.can(Permission.USE_READ),
        job=job,
        is_silent=_is_silent(job["last_success"], now),
        sees_warnings=actor.can(Permission.WARNING_READ),
        sees_register=actor.can(Permission.DEROGATION_READ),
    )
    return make_response(page)


def _is_silent(last_success: object, now: datetime) -> bool:
    limit = rules.SILENCE_ALARMS[rules.WARNING_JOB]
    return not isinstance(last_success, datetime) or now - last_success > limit


def _bench(session: Session, actor: Actor) -> list[Todo]:
    if not actor.can(Permission.RECEPTION_WRITE):
        return []
    opened, quarantined = queries.count_open_receptions(session), queries.count_quarantined(session)
    todos = [
        Todo(
            _("Receive a delivery"),
            _("Open a delivery, then scan box after box."),
            url_for("arrivals.open"),
            _("Open a delivery"),
            icon="upc-scan",
        )
    ]
    if opened:
        text = _("They are open at the bench: scan what is left, or close them.")
        todos.append(Todo(_("Deliveries open"), text, url_for("reception.index"), _("Go on"), opened, "soon"))
    waiting = unidentified.count_open(session)
    if waiting:
        text = _("They are neither in stock nor usable: find out what they are, receive them or send them back.")
        href = url_for("unidentified.index")
        todos.append(Todo(_("Boxes to identify"), text, href, _("Open the tray"), waiting, "soon", "inbox"))
    if quarantined:
        text = _("Each needs a pharmacist's decision.")
        href = url_for("stock.index", state="quarantined")
        todos.append(Todo(_("Units in quarantine"), text, href, _("Decide"), quarantined, "soon"))
    return todos


def _theatre(session: Session, actor: Actor, now: datetime) -> list[Todo]:
    if not actor.can(Permission.USE_WRITE):
        return []
    todos = [
        Todo(
            _("Use a device"),
            _("Scan the patient, scan the device: may it be used?"),
            url_for("use.gate"),
            _("Check and record"),
            icon="shield-check",
        )
    ]
    emergencies = queries.count_emergencies_to_inform(session)
    if emergencies:
        text = _("A device was used in an emergency: the patient must still be informed.")
        href = url_for("use.index")
        todos.append(Todo(_("Patients to inform"), text, href, _("See the uses"), emergencies, "urgent"))
    undecided = queries.count_informed_without_decision(session, since=now - _DECISION_PATIENCE)
    if undecided:
        text = _("They were informed and have not decided.")
        href = url_for("patients.index")
        todos.append(Todo(_("Consents awaited"), text, href, _("Find the patient"), undecided, "soon"))
    return todos


def _examinations(session: Session, actor: Actor, now: datetime) -> list[Todo]:
    if not (actor.can(Permission.USE_WRITE) or actor.can(Permission.DEROGATION_WRITE)):
        return []
    today = clock.paris_day(now)
    overdue, soon = examinations.count_due(session, today=today, until=today + timedelta(days=SOON_DAYS))
    if not overdue + soon:
        return []
    text = _("A derogation requires them after a use. Overdue: %(overdue)s.", overdue=overdue)
    href, urgency = url_for("examinations.index"), "urgent" if overdue else "soon"
    return [Todo(_("Examinations to do"), text, href, _("See"), overdue + soon, urgency, "clipboard2-pulse")]


def _vigilance(session: Session, actor: Actor, now: datetime) -> list[Todo]:
    if not actor.can(Permission.INCIDENT_TRANSMIT):
        return []
    waiting = queries.list_untransmitted(session)
    limit = http.web().values["acknowledgement_days"]
    late = followups.list_late(session, sent_before=sent_before(now, limit), limit=_SHOWN_LATE)
    return [*[_to_transmit(incident) for incident in waiting], *[_late(report, now) for report in late]]


def _to_transmit(incident: Incident) -> Todo:
    return Todo(
        _("Incident %(number)s to transmit", number=case_number(incident.number)),
        _("Declared by %(name)s. ANSM and the manufacturer are told without delay.", name=incident.declared_by_name),
        url_for("vigilance.show", incident_id=incident.id),
        _("Read and transmit"),
        urgency="urgent",
        icon=_INCIDENT,
    )


def _late(report: LateReport, now: datetime) -> Todo:
    days = (clock.paris_day(now) - clock.paris_day(report.sent_at)).days
    if report.recipient is ReportRecipient.ANSM:
        title = _("Incident %(number)s: ANSM has not acknowledged", number=report.number)
    else:
        title = _("Incident %(number)s: the manufacturer has not acknowledged", number=report.number)
    text = ngettext("Sent %(num)d day ago: call, quoting it.", "Sent %(num)d days ago: call, quoting it.", days)
    href = url_for("followups.show", incident_id=report.incident_id)
    return Todo(title, text, href, _("Follow up"), urgency="soon", icon=_INCIDENT)


def _requests(session: Session, actor: Actor, now: datetime) -> list[Todo]:
    if not actor.can(Permission.REQUEST_WRITE):
        return []
    days = http.web().values["request_reminder_days"]
    count = requests.count_still(session, before=now - timedelta(days=days))
    text = _("Nothing has moved for %(days)s days: ask the operator, complete the file or abandon it.", days=days)
    return [Todo(_("Requests that stand still"), text, url_for("requests.index"), _("See"), count, "soon")] * (
        count > 0
    )


def _recaps(session: Session, actor: Actor, now: datetime) -> list[Todo]:
    if not actor.can(Permission.RECAP_WRITE):
        return []
    lead_days = http.web().values["recap_lead_days"]
    due = recaps.list_due(session, today=clock.paris_day(now), now=now, lead_days=lead_days)
    return [
        Todo(
            _("Recap for %(company)s", company=one.standing.manufacturer_name),
            _("%(designation)s: anniversary on %(day)s.", designation=one.standing.designation, day=day),
            url_for("recaps.new", derogation=one.standing.id),
            _("Prepare the recap"),
            urgency="urgent" if one.due.state is DueState.LATE else "soon",
        )
        for one in due
        for day in [http.written_day(one.due.anniversary)]
    ]


def _office(actor: Actor) -> list[Todo]:
    """Return where the people of the office begin, whether or not something waits."""
    todos = []
    if actor.can(Permission.INCIDENT_TRANSMIT):
        text = _("Scan or type the unit; its lot is held at once.")
        todos.append(Todo(_("Declare an incident"), text, url_for("vigilance.new"), _("Declare"), icon=_INCIDENT))
    if actor.can(Permission.RECALL_READ) and not actor.can(Permission.RECEPTION_WRITE):
        text = _("Which units and which patients carry a lot: one list, at once.")
        todos.append(Todo(_("Find a lot"), text, url_for("recalls.show"), _("Search"), icon="search"))
    if actor.can(Permission.AUDIT_READ):
        text = _("Who did what, when, to what; and the proof that nothing was changed since.")
        todos.append(Todo(_("Read the trail"), text, url_for("audit.index"), _("Open the trail"), icon="link-45deg"))
    if actor.can(Permission.PERSON_MANAGE):
        text = _("Open an account, change what a person may do, close an account.")
        todos.append(Todo(_("Manage accounts"), text, url_for("accounts.people"), _("See"), icon="person-gear"))
    return todos


def _mail(session: Session, actor: Actor, now: datetime) -> list[Todo]:
    if not actor.can(Permission.MESSAGE_READ):
        return []
    todos = []
    failed, waiting = outbox.count_failed(session), outbox.count_waiting_since(session, now - _MAIL_PATIENCE)
    if failed:
        text = _("The mail server refused them for good. Tell the recipient by telephone, then try again.")
        todos.append(
            Todo(_("Messages not sent"), text, url_for("outbox.index", state="failed"), _("See"), failed, "urgent")
        )
    if waiting:
        text = _("The mail server does not take them for the moment; they are tried again by themselves.")
        todos.append(Todo(_("Messages waiting"), text, url_for("outbox.index"), _("See"), waiting, "soon"))
    return todos


def _operations(session: Session, actor: Actor, today: date) -> Sequence[OperationAlert]:
    """Return the next operations that nothing allows on their day."""
    if not actor.can(Permission.WARNING_READ):
        return []
    return queries.list_operation_alerts(session, from_day=today, limit=_SHOWN_OPERATIONS)


def _warnings(session: Session, actor: Actor, *, now: datetime, today: date) -> list[EndWarning]:
    if not actor.can(Permission.WARNING_READ):
        return []
    found = service.list_true_warnings(session, today=today, now=now)
    return [_shown(standing, warning.raised_at, today) for warning, standing in found]


def _shown(standing: DerogationStanding, raised_at: datetime, today: date) -> EndWarning:
    end = standing.standing.valid_until or today
    left = rules.days_left(end, today)
    if left < 0:
        words = _("ended: no unit may be received, delivered or used")
    elif left == 0:
        words = _("last day today")
    else:
        words = ngettext("%(num)d day left", "%(num)d days left", left)
    return EndWarning(
        title=standing.designation,
        manufacturer=standing.manufacturer_name,
        valid_until=end,
        words=words,
        href=url_for("decisions.show", derogation_id=standing.id),
        raised_at=raised_at,
        is_over=left < 0,
        stopped=standing.status.value if standing.status in effects.STOPS else "",
    )
