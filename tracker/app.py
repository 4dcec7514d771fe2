"""Composition root of the web: makes the application from the settings, and nothing else knows the whole."""

import functools
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import metadata
from pathlib import Path

import yaml
from flask import Flask, Response, g, jsonify, request, url_for
from flask_babel import Babel, format_datetime, format_decimal, get_locale, gettext
from flask_bootstrap import Bootstrap5
from flask_openapi3 import Info, OpenAPI
from flask_wtf.csrf import CSRFProtect
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response as BaseResponse

from config.settings import Settings
from scanners.readers.decoders import zbar_available
from tracker import charts, clock, db, http, phrases, pieces, schedule
from tracker.accounts import service as accounts
from tracker.accounts import views as accounts_views
from tracker.accounts.rules import ROLE_LABELS, SessionPolicy
from tracker.accounts.views import LOCALE_COOKIE, SESSION_COOKIE
from tracker.actor import Actor
from tracker.alerts import views as alerts_views
from tracker.alerts.rules import MAIL_JOB, SILENCE_ALARMS
from tracker.arrivals import api as arrivals_api
from tracker.arrivals import views as arrivals_views
from tracker.audit import views as audit_views
from tracker.catalogue import api as catalogue_api
from tracker.catalogue import views as catalogue_views
from tracker.checks import views as checks_views
from tracker.chronicle import api as chronicle_api
from tracker.chronicle import views as chronicle_views
from tracker.closings import api as closings_api
from tracker.closings import views as closings_views
from tracker.conformity import api as conformity_api
from tracker.conformity import views as conformity_views
from tracker.consents import views as consents_views
from tracker.corrections import api as corrections_api
from tracker.corrections import views as corrections_views
from tracker.decisions import api as decisions_api
from tracker.decisions import views as decisions_views
from tracker.delivery import api as delivery_api
from tracker.delivery import views as delivery_views
from tracker.devices import api as devices_api
from tracker.dispositions import api as dispositions_api
from tracker.dispositions import views as dispositions_views
from tracker.documents import views as documents_views
from tracker.effects import api as effects_api
from tracker.effects import views as effects_views
from tracker.examinations import api as examinations_api
from tracker.examinations import views as examinations_views
from tracker.findings import api as findings_api
from tracker.findings import views as findings_views
from tracker.followups import api as followups_api
from tracker.followups import views as followups_views
from tracker.imports import api as imports_api
from tracker.imports import views as imports_views
from tracker.labels import api as labels_api
from tracker.labels import views as labels_views
from tracker.lots import api as lots_api
from tracker.lots import views as lots_views
from tracker.makers import api as makers_api
from tracker.makers import views as makers_views
from tracker.menu import menu_of
from tracker.operations import api as operations_api
from tracker.operations import views as operations_views
from tracker.organisation import api as organisation_api
from tracker.organisation import views as organisation_views
from tracker.orientation import api as orientation_api
from tracker.orientation import views as orientation_views
from tracker.outbox import views as outbox_views
from tracker.outcomes import api as outcomes_api
from tracker.outcomes import views as outcomes_views
from tracker.patients import views as patients_views
from tracker.publications import api as publications_api
from tracker.publications import views as publications_views
from tracker.recalls import api as recalls_api
from tracker.recalls import views as recalls_views
from tracker.recaps import api as recaps_api
from tracker.recaps import views as recaps_views
from tracker.reception import api as reception_api
from tracker.reception import views as reception_views
from tracker.register import api as register_api
from tracker.register import views as register_views
from tracker.requests import api as requests_api
from tracker.requests import views as requests_views
from tracker.reversals import api as reversals_api
from tracker.reversals import views as reversals_views
from tracker.samples import views as samples_views
from tracker.sealing import KeyRing
from tracker.slips import views as slips_views
from tracker.stock import api as stock_api
from tracker.stock import views as stock_views
from tracker.stocktaking import api as stocktaking_api
from tracker.stocktaking import views as stocktaking_views
from tracker.unidentified import api as unidentified_api
from tracker.unidentified import views as unidentified_views
from tracker.upkeep import api as upkeep_api
from tracker.upkeep import views as upkeep_views
from tracker.use import api as use_api
from tracker.use import views as use_views
from tracker.vigilance import api as vigilance_api
from tracker.vigilance import views as vigilance_views
from tracker.workstations import api as workstations_api
from tracker.workstations import views as workstations_views

logger = logging.getLogger(__name__)


LOCALES = {"fr": "Français", "en": "English"}
MAX_BODY_BYTES = 21 * 1024 * 1024
"""One file of 20 MB and the form around it (documents.service.MAX_UPLOAD_BYTES)."""

_KILO = 1000
_DEMONSTRATION = Path(__file__).parent.parent / "config" / "demonstration.yaml"
_CONTENT_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class ShownActor:
    """Who is logged in, as a page shows it."""

    display_name: str
    role_labels: tuple[str, ...]


def keyring_of(settings: Settings) -> KeyRing:
    """Return the keys of the settings."""
    keys = dict(settings.data_keys)
    return KeyRing(data_keys=keys, current_key_id=max(keys), lookup_key=settings.lookup_key)


def create_app(settings: Settings, database: db.Database | None = None) -> Flask:
    """Return the application.

    Args:
        settings: read once by the caller.
        database: an open one, for tests; made from the settings otherwise.

    Raises:
        RuntimeError: a route declares no permission.
    """
    app = OpenAPI(
        "tracker",
        info=Info(title="Trace59", version="1"),
        doc_ui=False,
        validation_error_callback=http.answer_validation,
        security_schemes={"token": {"type": "http", "scheme": "bearer"}},
    )
    app.config.update(
        SECRET_KEY=settings.secret_key,
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        SESSION_COOKIE_NAME="trace59_form",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_CHECK_DEFAULT=False,
        WTF_CSRF_TIME_LIMIT=None,  # a form lives as long as its log-in: a long operation must not lose what was typed
        BOOTSTRAP_SERVE_LOCAL=True,
        BABEL_DEFAULT_TIMEZONE="Europe/Paris",
        BABEL_TRANSLATION_DIRECTORIES=";".join(_translation_directories()),
    )
    app.json.sort_keys = False  # type: ignore[attr-defined] # the default provider has it
    values = {name: getattr(settings, name) for name in _SHARED_SETTINGS}
    values["demonstration_barcodes"] = _demonstration_barcodes() if settings.demonstration else ()
    database = database or db.create_database(str(settings.database_url), keyring_of(settings))
    http.install(app, http.Web(database=database, values=values))
    Bootstrap5(app)
    Babel(app, locale_selector=lambda: _chosen_locale(settings))
    _protect(app, settings)
    _dress(app)
    _register(app)
    if settings.proxy_count:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign] # the documented way to wrap
            app.wsgi_app, x_for=settings.proxy_count, x_proto=settings.proxy_count, x_host=settings.proxy_count
        )
    missing = http.undeclared_routes(app)
    if missing:
        raise RuntimeError(f"routes without a declared permission: {', '.join(missing)}")
    return app


_SHARED_SETTINGS = (
    "acknowledgement_days",
    "ansm_ivd_vigilance_address",
    "ansm_vigilance_address",
    "demonstration",
    "mail_from",
    "mail_transport",
    "public_url",
    "recap_lead_days",
    "recap_least_count",
    "request_reminder_days",
    "secure_cookies",
    "session_hours",
    "session_idle_minutes",
    "var_directory",
    "warning_thresholds_days",
)


def _demonstration_barcodes() -> object:
    """Return the barcodes that the demonstration shows on the screen."""
    return yaml.safe_load(_DEMONSTRATION.read_text(encoding="utf-8"))["barcodes"]


def session_policy(settings: Settings) -> SessionPolicy:
    """Return how long log-ins last."""
    return SessionPolicy(
        idle=timedelta(minutes=settings.session_idle_minutes), longest=timedelta(hours=settings.session_hours)
    )


def _translation_directories() -> Sequence[str]:
    return [str(path) for path in sorted(Path(__file__).parent.glob("**/translations"))]


def _protect(app: Flask, settings: Settings) -> None:
    csrf = CSRFProtect(app)
    policy = session_policy(settings)

    @app.before_request
    def identify() -> None:
        g.actor, g.bearer = None, _bearer()
        cookie = request.cookies.get(SESSION_COOKIE)
        if not (cookie or g.bearer) or http.permission_of(app, request.endpoint or "") == http.PUBLIC:
            return
        with db.authentication(http.database()) as session:
            found = accounts.find_credentials(
                session, cookie=cookie, bearer=g.bearer, policy=policy, now=clock.utc_now()
            )
        if found is not None:
            g.actor, g.locale, g.session_id = found.actor, found.locale, found.session_id
            g.establishment = found.establishment

    app.before_request(http.authorise)

    @app.before_request
    def refuse_forged_forms() -> None:
        if request.endpoint and request.method not in {"GET", "HEAD", "OPTIONS"} and not g.bearer:
            csrf.protect()

    @app.after_request
    def harden(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", _CONTENT_POLICY)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["Permissions-Policy"] = "camera=(self), microphone=(), geolocation=()"
        if (request.endpoint or "").endswith("static"):
            kept = "public, max-age=31536000, immutable" if "v" in request.args else "no-cache"
            response.headers["Cache-Control"] = kept
        else:
            response.headers.setdefault("Cache-Control", "no-store")
        if settings.secure_cookies:
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        return response


def _bearer() -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _chosen_locale(settings: Settings) -> str:
    asked = request.accept_languages.best_match(LOCALES) if http.wants_json() else None
    wanted = (asked, request.cookies.get(LOCALE_COOKIE), g.get("locale"))
    return next((code for code in wanted if code in LOCALES), settings.default_locale)


def _dress(app: Flask) -> None:
    phrases.install(app)
    version = _static_version()

    @app.url_defaults
    def version_static(endpoint: str, values: dict[str, object]) -> None:
        if endpoint.endswith("static"):
            values.setdefault("v", version)

    app.add_template_filter(http.written_day, "day")
    app.add_template_filter(_instant, "instant")
    app.add_template_filter(_file_size, "file_size")
    app.add_template_global(http.sentence, "sentence")
    pieces.install(app, icon_address=functools.cache(_icon_address))
    charts.install(app, day_writer=http.day_writer)
    app.context_processor(_page_context)


def _static_version() -> str:
    """Return a short hash of our static files and of the program's release: browsers keep a file until it changes."""
    digest = hashlib.sha256(metadata.version("bootstrap-flask").encode())
    for path in sorted((Path(__file__).parent / "static").rglob("*.*")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:10]


def _icon_address() -> str:
    """Return where the drawing of all icons is: the same for every page."""
    return url_for("bootstrap.static", filename="icons/bootstrap-icons.svg")


def _instant(value: datetime | None) -> str:
    pattern = "dd/MM/yyyy HH:mm" if str(get_locale()) == "fr" else "d MMM yyyy HH:mm"
    if value and clock.is_hour_twice(value):
        pattern += " OOOO"  # 02:10 after 02:50 on the night the clocks go back: the zone tells which of the two
    return format_datetime(value, pattern) if value else ""


def _file_size(byte_count: int) -> str:
    """Return a size as the language of the page writes it: ``76,6 ko``, ``76.6 kB``."""
    kilobytes = byte_count / _KILO
    if kilobytes >= _KILO:
        words: str = gettext("%(size)s MB", size=format_decimal(kilobytes / _KILO, "0.0"))
    else:
        words = gettext("%(size)s kB", size=format_decimal(kilobytes, "0.0"))
    return words


def _page_context() -> dict[str, object]:
    actor = http.find_actor()
    return {
        "actor": _shown(actor) if actor else None,
        "may": actor.permissions if actor else frozenset(),
        "navigation": menu_of(actor, endpoint=request.endpoint or "", translate=gettext, address=url_for)
        if actor
        else [],
        "establishment": g.get("establishment"),
        "locale": str(get_locale() or "fr"),
        "locale_links": [
            (code, label, url_for("accounts.choose_language", code=code, next=request.path))
            for code, label in LOCALES.items()
        ],
    }


def _shown(actor: Actor) -> ShownActor:
    return ShownActor(actor.display_name, tuple(gettext(ROLE_LABELS[role]) for role in sorted(actor.roles)))


_VIEWS = (
    accounts_views.bp,
    alerts_views.bp,
    arrivals_views.bp,
    closings_views.bp,
    audit_views.bp,
    catalogue_views.bp,
    chronicle_views.bp,
    conformity_views.bp,
    consents_views.bp,
    decisions_views.bp,
    delivery_views.bp,
    dispositions_views.bp,
    imports_views.bp,
    documents_views.bp,
    findings_views.bp,
    followups_views.bp,
    labels_views.bp,
    lots_views.bp,
    orientation_views.bp,
    operations_views.bp,
    makers_views.bp,
    examinations_views.bp,
    organisation_views.bp,
    outbox_views.bp,
    patients_views.bp,
    effects_views.bp,
    publications_views.bp,
    recalls_views.bp,
    recaps_views.bp,
    reception_views.bp,
    checks_views.bp,
    register_views.bp,
    requests_views.bp,
    samples_views.bp,
    slips_views.bp,
    stock_views.bp,
    stocktaking_views.bp,
    unidentified_views.bp,
    upkeep_views.bp,
    outcomes_views.bp,
    corrections_views.bp,
    reversals_views.bp,
    use_views.bp,
    vigilance_views.bp,
    workstations_views.bp,
)
_APIS = (
    arrivals_api.api,
    closings_api.api,
    conformity_api.api,
    decisions_api.api,
    delivery_api.api,
    devices_api.api,
    dispositions_api.api,
    catalogue_api.api,
    chronicle_api.api,
    imports_api.api,
    stock_api.api,
    stocktaking_api.api,
    findings_api.api,
    followups_api.api,
    labels_api.api,
    lots_api.api,
    operations_api.api,
    makers_api.api,
    examinations_api.api,
    organisation_api.api,
    orientation_api.api,
    effects_api.api,
    publications_api.api,
    recalls_api.api,
    recaps_api.api,
    reception_api.api,
    register_api.api,
    requests_api.api,
    unidentified_api.api,
    upkeep_api.api,
    outcomes_api.api,
    corrections_api.api,
    reversals_api.api,
    use_api.api,
    vigilance_api.api,
    workstations_api.api,
)


def _register(app: OpenAPI) -> None:
    for blueprint in _VIEWS:
        app.register_blueprint(blueprint)
    for api in _APIS:
        shared = {path: app.paths[path] for path in api.paths if path in app.paths}
        app.register_api(api)
        # The library forgets, in the document, what another slice serves at the same address by another method.
        for path, acts in shared.items():
            own = {name: act for name, act in api.paths[path] if act is not None}
            app.paths[path] = acts.model_copy(update=own)
    app.add_url_rule("/health", "health", health)
    app.add_url_rule("/api/v1/openapi.json", "openapi", http.public(lambda: jsonify(app.api_doc)))


@http.public
def health() -> BaseResponse:
    """Answer the state of each part, without personal data: 200 when units can be received and mail goes out."""
    state = health_state(http.database(), now=clock.utc_now())
    answer = jsonify(state)
    answer.status_code = 200 if state["status"] == "ok" else 503
    return answer


def health_state(database: db.Database, *, now: datetime) -> dict[str, object]:
    """Return what ``/health`` says: database, worker, mail, scanner, each ``ok`` or a word that says what is wrong."""
    try:
        with db.transaction(database, None) as session:
            jobs = {job_id: schedule.find_last_success(session, job_id) for job_id in SILENCE_ALARMS}
    except SQLAlchemyError:
        logger.exception("health: the database does not answer")
        return {"status": "failing", "database": {"state": "unreachable"}}
    silent = sorted(
        job for job, limit in SILENCE_ALARMS.items() if (last_at := jobs[job]) is None or now - last_at > limit
    )
    last = {job: instant.isoformat() if instant else None for job, instant in jobs.items()}
    return {
        "status": "ok" if not silent else "degraded",
        "database": {"state": "ok"},
        "worker": {"state": "silent" if silent else "ok", "silent_jobs": silent, "last_success": last},
        "mail": {"state": "silent" if MAIL_JOB in silent else "ok", "transport": http.web().values["mail_transport"]},
        "scanner": {"state": "ok", "second_reader": "ok" if zbar_available() else "missing (libzbar)"},
    }
