"""The shared templates in a small application: gallery, a bench that answers like the real one, a problem page."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Flask, Response, redirect, render_template, render_template_string, request, url_for
from flask_babel import Babel, format_date, format_datetime
from flask_bootstrap import Bootstrap5
from flask_wtf import FlaskForm
from flask_wtf.csrf import CSRFProtect
from werkzeug.serving import make_server
from werkzeug.wrappers import Response as BaseResponse
from wtforms import (
    BooleanField,
    DateField,
    FileField,
    RadioField,
    SelectChoice,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired

from tracker import charts, phrases, pieces
from tracker.charts import Span
from tracker.menu import MenuGroup, MenuItem

TRACKER = Path(__file__).parents[2] / "tracker"
CATALOGUE = TRACKER / "translations" / "fr" / "LC_MESSAGES" / "messages.po"
NOW = datetime(2026, 11, 22, 13, 5, tzinfo=UTC)
POLICY = "default-src 'self'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'"

BENCH = """
{% extends "base.html" %}
{% from "macros/page.html" import page_header %}
{% from "macros/scan.html" import scan_box, scan_results %}
{% from "macros/verdict.html" import verdict %}
{% block title %}Réception{% endblock %}
{% block content %}
{{ page_header("Réception", lead="Livraison BL-2026-0412") }}
{{ scan_box("/scan", "01939f3a-0000-7000-8000-000000000001", hidden={"delivery_id": "7"}) }}
<p><button type="button" id="elsewhere">Ailleurs</button></p>
{% call scan_results("Derniers scans") %}{% if raw %}{{ verdict("accepted", sentence=raw) }}{% endif %}{% endcall %}
{% endblock %}
"""
CARD = '{% from "macros/verdict.html" import verdict %}{{ verdict(outcome, sentence="Lu : " ~ raw, number="U-12") }}'


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason of a verdict, as a slice hands it to the page."""

    effect: str
    code: str
    sentence: str
    source: str
    next_step: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a unit's life."""

    code: str
    label: str
    by: str
    detail: str | None
    at: datetime = NOW


@dataclass(frozen=True, slots=True)
class Person:
    """Who is logged in."""

    display_name: str
    role_labels: Sequence[str]


@dataclass(frozen=True, slots=True)
class Hospital:
    """The establishment named in the frame."""

    name: str
    is_demonstration: bool


@dataclass(frozen=True, slots=True)
class Received:
    """What the bench was sent."""

    request_id: str
    raw: str
    delivery_id: str
    is_fragment: bool
    photo: str


@dataclass(slots=True)
class Bench:
    """The running application: its address and what it received."""

    address: str
    received: list[Received] = field(default_factory=list)


class GalleryForm(FlaskForm):
    """One field of every kind."""

    reference = StringField("Référence", [DataRequired("Indiquez la référence.")])
    ends_on = DateField("Dernier jour de la dérogation", [DataRequired("Indiquez le dernier jour.")])
    capacity = SelectField(
        "Qualité du signataire", choices=[SelectChoice("patient", "Patient"), SelectChoice("guardian", "Tuteur")]
    )
    side = RadioField(
        "Côté",
        [DataRequired("Choisissez un côté.")],
        choices=[SelectChoice("left", "Gauche"), SelectChoice("right", "Droit")],
    )
    detail = TextAreaField("Précisions")
    letter = FileField("Lettre de décision", [DataRequired("Joignez la lettre.")])
    informed = BooleanField("Le patient a été informé", [DataRequired("Cochez cette case.")])


REASONS = (
    Finding("refuse", "derogation-ended", "La dérogation a pris fin.", "Décision ANSM du 06/03/2024", "Prolongez-la."),
    Finding("quarantine", "expiry-conflict", "Deux dates différentes.", "GS1, AI 17", "Relisez les deux."),
    Finding("inform", "derogation-ending", "Elle se termine dans 25 jours.", "Décision ANSM du 06/03/2024", None),
)
EVENTS = (
    Event("REC", "Réception conforme", "Claire Fontaine", "Livraison BL-2026-0412"),
    Event("NCO", "Non-conformité", "Claire Fontaine", "Dates discordantes"),
    Event("POS", "Pose", "Dr Hugo Lenoir", None),
)
SPANS = (
    Span("SCORE", date(2024, 3, 6), date(2024, 12, 31), "ended", href="#"),
    Span("CINY", date(2025, 6, 1), date(2027, 3, 31), "in_force", href="#"),
    Span("ACOR", date(2027, 1, 1), None, "end_unknown", href="#"),
)
MENU = (
    MenuGroup("", (MenuItem("À faire", "/", "house", current=False),)),
    MenuGroup(
        "Réception",
        (
            MenuItem("Réceptionner", "/", "upc-scan", current=True),
            MenuItem("Exemplaires", "/", "boxes", current=False),
        ),
    ),
)


def compile_catalogue(folder: Path) -> Path:
    """Compile the shared French catalogue below ``folder`` and return the translations folder."""
    target = folder / "translations" / "fr" / "LC_MESSAGES"
    target.mkdir(parents=True)
    with CATALOGUE.open("rb") as source, (target / "messages.mo").open("wb") as compiled:
        write_mo(compiled, read_po(source))
    return folder / "translations"


def create_gallery(bench: Bench, translations: Path) -> Flask:
    """Return the application that shows the shared templates and nothing of the product."""
    app = Flask("tracker", root_path=str(TRACKER))
    app.config.update(
        SECRET_KEY="gallery",
        BOOTSTRAP_SERVE_LOCAL=True,
        BABEL_DEFAULT_TIMEZONE="Europe/Paris",
        BABEL_TRANSLATION_DIRECTORIES=str(translations),
    )
    Bootstrap5(app)
    CSRFProtect(app)
    Babel(app, locale_selector=_language)
    phrases.install(app)
    pieces.install(app, icon_address=lambda: url_for("bootstrap.static", filename="icons/bootstrap-icons.svg"))
    app.add_template_filter(lambda on: format_date(on, "dd/MM/yyyy"), "day")
    app.add_template_filter(lambda at: format_datetime(at, "dd/MM/yyyy HH:mm"), "instant")
    app.add_template_filter(lambda size: f"{size / 1000:.1f} ko".replace(".", ","), "file_size")
    charts.install(app, day_writer=lambda: lambda on: format_date(on, "dd/MM/yyyy"))
    app.context_processor(_frame)
    app.after_request(_protect)
    app.add_url_rule("/gallery", "gallery", _gallery)
    app.add_url_rule("/bench", "bench", lambda: render_template_string(BENCH))
    app.add_url_rule("/problem", "problem", lambda: (_problem("errors/problem.html"), 409))
    app.add_url_rule("/scan", "scan", lambda: _scan(bench), methods=["POST"])
    return app


@contextmanager
def serve(app: Flask, bench: Bench) -> Iterator[Bench]:
    """Serve an application on a free port of loopback."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    bench.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield bench
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _language() -> str:
    return request.args.get("language", "fr")


def _frame() -> dict[str, object]:
    return {
        "navigation": MENU,
        "actor": None if "visitor" in request.args else Person("Claire Fontaine", ["Pharmacienne"]),
        "establishment": Hospital("Centre hospitalier de Valmont", is_demonstration=True),
        "locale": _language(),
        "locale_links": [("fr", "Français", "?language=fr"), ("en", "English", "?language=en")],
    }


def _protect(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    return response


def _gallery() -> str:
    form = GalleryForm(meta={"csrf": "errors" not in request.args})
    if "errors" in request.args:
        form.validate()
    return render_template(
        "gallery.html",
        form=form,
        request_id="01939f3a-0000-7000-8000-000000000001",
        today=date(2026, 11, 22),
        now=NOW,
        spans_first=date(2024, 1, 1),
        spans_last=date(2027, 12, 31),
        spans_shown=SPANS,
        reasons=REASONS,
        events=EVENTS,
    )


def _problem(template: str) -> str:
    return render_template(
        template,
        status=409,
        code="derogation-ended",
        title="Utilisation refusée",
        detail="La dérogation a pris fin.",
        next_step="Seul un pharmacien peut enregistrer une prolongation.",
        reference="7F3A",
        back_href="/bench",
    )


def _scan(bench: Bench) -> str | tuple[str, int] | BaseResponse:
    raw, photo = request.form["raw"], request.files.get("photo")
    is_fragment = request.headers.get("X-Fragment") == "1"
    bench.received.append(
        Received(
            request_id=request.form["request_id"],
            raw=raw,
            delivery_id=request.form["delivery_id"],
            is_fragment=is_fragment,
            photo=(photo.filename or "") if photo else "",
        )
    )
    if raw == "logged out":
        return redirect("/bench?visitor=1")
    if raw == "rule":
        return _problem("errors/problem_fragment.html"), 409
    if not is_fragment:
        return render_template_string(BENCH, raw=raw)
    outcome = raw if raw in {"quarantined", "refused"} else "accepted"
    return render_template_string(CARD, outcome=outcome, raw=raw)
