"""What all pages and all API functions share: who acts, what they may do, how an error is answered.

Every route states what it needs with :func:`requires` or :func:`public`; a route that states nothing is refused when
the program starts. The status of every category of error is in one table, ``STATUS_BY_ERROR``.
"""

import logging
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, ParamSpec, Protocol, TypeVar
from urllib.parse import quote, urlsplit
from uuid import UUID

import psycopg
from flask import Flask, Response, current_app, g, jsonify, make_response, redirect, render_template, request
from flask_babel import format_date, get_locale, gettext
from flask_wtf import FlaskForm
from flask_wtf.csrf import CSRFError
from pydantic import ValidationError
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.wrappers import Response as BaseResponse

from tracker import db
from tracker.actor import Actor, Permission
from tracker.errors import N_, Conflict, InvalidInput, NotFound, NotPermitted, RuleRefused, TraceError

logger = logging.getLogger(__name__)

STATUS_BY_ERROR: dict[type[TraceError], int] = {
    InvalidInput: 422,
    NotPermitted: 403,
    NotFound: 404,
    Conflict: 409,
    RuleRefused: 409,
}
BUSY_STATUS = 503
_CANCELLED_BY_SERVER = {"40001", "40P01", "55P03", "57014"}
# PostgreSQL Appendix A: serialization_failure, deadlock_detected, lock_not_available, query_canceled

PUBLIC = "public"
_PERMISSION = "_trace59_permission"

P = ParamSpec("P")
R = TypeVar("R")
Source = TypeVar("Source")
Made = TypeVar("Made")


class Busy(Conflict):
    """Somebody else holds the same rows, or the database took too long; the same request may be sent again."""

    code = "busy"


class ValueUnkeepable(InvalidInput):
    """The database cannot hold a value: a NUL character in a text, a number beyond its range."""

    code = "value-unkeepable"


class NotLoggedIn(NotPermitted):
    """Nobody is logged in."""

    code = "not-logged-in"


@dataclass(frozen=True, slots=True)
class Web:
    """What the application gives to the pages, made once in ``tracker/app.py``."""

    database: db.Database
    values: dict[str, Any]
    """Settings that pages may show or pass to a service, by name; never a secret."""


def install(app: Flask, web: Web) -> None:
    """Attach the shared state and the error answers to an application."""
    app.extensions["trace59"] = web
    app.register_error_handler(TraceError, answer_error)
    app.register_error_handler(CSRFError, answer_csrf)
    app.register_error_handler(HTTPException, answer_http)
    app.register_error_handler(OperationalError, answer_operational)
    app.register_error_handler(DataError, answer_data)
    app.register_error_handler(psycopg.OperationalError, answer_lost)
    app.register_error_handler(Exception, answer_defect)


def requires(permission: Permission) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare that a route needs a logged-in actor who holds ``permission``."""

    def declare(view: Callable[P, R]) -> Callable[P, R]:
        setattr(view, _PERMISSION, permission)
        return view

    return declare


def public(view: Callable[P, R]) -> Callable[P, R]:
    """Declare that a route needs no log-in."""
    setattr(view, _PERMISSION, PUBLIC)
    return view


def permission_of(app: Flask, endpoint: str) -> Permission | str | None:
    """Return what a route declared: a permission, ``PUBLIC``, or None when it declared nothing."""
    if endpoint == "static" or endpoint.endswith(".static"):
        return PUBLIC
    declared: Permission | str | None = getattr(app.view_functions.get(endpoint), _PERMISSION, None)
    return declared


def undeclared_routes(app: Flask) -> list[str]:
    """Return the endpoints that state no permission: there must be none."""
    return sorted({r.endpoint for r in app.url_map.iter_rules() if permission_of(app, r.endpoint) is None})


def authorise() -> BaseResponse | None:
    """Refuse the present request unless the actor holds what its route needs; run before every request.

    Raises:
        NotLoggedIn: an API route without valid credentials.
        NotPermitted: the actor lacks the permission.
    """
    declared = permission_of(current_app, request.endpoint or "")
    if request.endpoint is None or declared == PUBLIC:
        return None
    actor = find_actor()
    if actor is None:
        if wants_json():
            raise NotLoggedIn(
                N_("Log in first, or send a valid token."),
                next_step=N_("Send the header 'Authorization: Bearer <token>'."),
            )
        back = request.full_path if request.method == "GET" else request.referrer or "/"
        return redirect(f"/login?next={_quoted_path(back)}", code=303)
    actor.require(Permission(str(declared)))
    return None


def _quoted_path(url: str) -> str:
    parts = urlsplit(url)
    return quote(f"{parts.path}?{parts.query}".rstrip("?"))


_OWN_PATH = re.compile(r"/(?!/)[^\\\x00-\x20\x7f]*")
"""Browsers read ``//host``, ``///host`` and ``/\\host`` as another site, once they have dropped control characters."""


def safe_next(target: str | None) -> str:
    """Return ``target`` when it is a path of this site, else the home page: no open redirect."""
    return target if target and _OWN_PATH.fullmatch(target) else "/"


def find_actor() -> Actor | None:
    """Return who is logged in, or None."""
    actor: Actor | None = g.get("actor")
    return actor


def current_actor() -> Actor:
    """Return who is logged in; only in routes that need a permission."""
    actor: Actor = g.actor
    return actor


def web() -> Web:
    """Return the application's shared state."""
    shared: Web = current_app.extensions["trace59"]
    return shared


def database() -> db.Database:
    """Return the application's database."""
    return web().database


def transaction(*, keeps_plans: bool = False) -> AbstractContextManager[Session]:
    """Open one transaction for the establishment of who is logged in.

    Args:
        keeps_plans: for acts that somebody waits for at every scan (docs/decisions/0022).
    """
    return db.transaction(database(), current_actor().establishment_id, keeps_plans=keeps_plans)


def reading() -> AbstractContextManager[Session]:
    """Open a session that reads the establishment of who is logged in and writes nothing."""
    return db.reading(database(), current_actor().establishment_id)


class Slow(Protocol[Source, Made]):
    """An act whose middle is slow and needs no database, such as printing."""

    def read(self, session: Session) -> Source | None:
        """Return what it is made from, None where nothing is left to make."""

    def make(self, source: Source) -> Made | None:
        """Make it, outside of any transaction; None where it cannot be made."""

    def keep(self, session: Session, made: Made) -> None:
        """Keep what was made; somebody else may have been faster."""


def between_transactions(act: Slow[Source, Made]) -> bool:
    """Read in one transaction, make outside of any, keep in another: nothing slow holds a lock or a connection.

    Returns:
        Whether it stands now; False where it could not be made.
    """
    with transaction() as session:
        source = act.read(session)
    if source is None:
        return True
    made = act.make(source)
    if made is None:
        return False
    with transaction() as session:
        act.keep(session, made)
    return True


def wants_json() -> bool:
    """Test whether the present request is for the API."""
    return request.path.startswith("/api/") or request.path == "/health"


def wants_fragment() -> bool:
    """Test whether the page's own script asks for a piece of a page."""
    return request.headers.get("X-Fragment") == "1"


def read_request_id(value: str | None) -> UUID:
    """Return the client's id of an action, or a new one where the client sent none.

    Raises:
        InvalidInput: it is not a UUID.
    """
    if not value:
        return db.new_id()
    try:
        return UUID(value)
    except ValueError as error:
        raise InvalidInput(
            N_("The request number is not a UUID."),
            fields={"request_id": N_("Send a UUID, or nothing.")},
            next_step=N_("Reload the page and try again."),
        ) from error


def status_of(error: TraceError) -> int:
    """Return the HTTP status of an error, by its category."""
    if isinstance(error, NotLoggedIn):
        return 401
    if isinstance(error, Busy):
        return BUSY_STATUS
    return next(status for category, status in STATUS_BY_ERROR.items() if isinstance(error, category))


def sentence(message: str, data: dict[str, object] | None = None) -> str:
    """Return a marked text in the language of the page."""
    translated: str = gettext(message) if message else ""
    return translated % data if data else translated


def written_day(value: date | None) -> str:
    """Return a day as the language of the page writes it: ``26/07/2024``, ``26 Jul 2024``."""
    return _written_day(value, str(get_locale())) if value else ""


def day_writer() -> Callable[[date], str]:
    """Return what writes many days in the language of the page, which is looked up once."""
    locale = str(get_locale())
    return lambda value: _written_day(value, locale)


@lru_cache(maxsize=4096)
def _written_day(value: date, locale: str) -> str:
    written: str = format_date(value, "dd/MM/yyyy" if locale == "fr" else "d MMM yyyy")
    return written


def error_sentence(error: TraceError) -> str:
    """Return what an error says, in the language of the page."""
    return sentence(error.message, {name: _written(value) for name, value in error.data.items()})


def _written(value: object) -> object:
    """Return a value of a sentence as the page writes it: a day, or several marked texts one after the other."""
    if isinstance(value, date):
        return written_day(value)
    return "; ".join([sentence(part) for part in value]) if isinstance(value, tuple) else value


def rejected(template: str, form: FlaskForm, error: TraceError, **context: object) -> Response:
    """Show a form again with what was typed, the error at its field or above the form, and the error's status."""
    for name, message in getattr(error, "fields", {}).items():
        field = getattr(form, name, None)
        if field is not None:
            field.errors = [*field.errors, sentence(message)]
    page = render_template(
        template, form=form, error=error_sentence(error), error_next=sentence(error.next_step), **context
    )
    return make_response(page, status_of(error))


def answer_error(error: TraceError) -> BaseResponse:
    """Answer an error of ours: problem+json for the API (RFC 9457), a page for a person."""
    return _problem(
        status_of(error),
        code=error.code,
        detail=error_sentence(error),
        next_step=sentence(error.next_step),
        fields={name: sentence(text) for name, text in getattr(error, "fields", {}).items()},
        findings=_findings(error),
    )


def _findings(error: TraceError) -> list[dict[str, str]]:
    """Return every reason of an error that has several: it then has a method ``explain``."""
    explain: Callable[[Callable[[str], str]], list[dict[str, str]]] | None = getattr(error, "explain", None)
    return explain(sentence) if explain else []


def answer_csrf(error: CSRFError) -> BaseResponse:
    """Answer a form that was not ours, or was open for too long."""
    logger.info("refused form: %s", error.description)
    return _problem(
        400,
        code="form-forged",
        detail=gettext("This form did not come from this session, or was open for too long. Nothing was written."),
        next_step=gettext("Go back, reload the page and send the form again."),
    )


def answer_http(error: HTTPException) -> BaseResponse:
    """Answer what Flask itself refuses: unknown address, wrong method, too large a body."""
    if error.response is not None:
        return error.response  # type: ignore[return-value] # a ready answer, such as a redirect
    status = error.code or 500
    texts = {
        404: (gettext("There is no page at this address."), gettext("Check the address or go back to the home page.")),
        405: (gettext("This address does not answer this kind of request."), ""),
        413: (gettext("The file is too large."), gettext("Send a file of at most 20 MB.")),
    }
    detail, next_step = texts.get(status, (gettext("The request could not be understood."), ""))
    answer = _problem(status, code=f"http-{status}", detail=detail, next_step=next_step)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        answer.headers["Allow"] = ", ".join(error.valid_methods)  # RFC 9110 section 15.5.6
    return answer


def answer_operational(error: OperationalError) -> BaseResponse:
    """Answer a deadlock, a lock or statement time-out: nothing was written, the same request may be sent again."""
    if error.connection_invalidated:
        return answer_lost(error)
    if getattr(error.orig, "sqlstate", None) not in _CANCELLED_BY_SERVER:
        return answer_defect(error)
    logger.warning("busy: %s", getattr(error.orig, "sqlstate", ""))
    return answer_error(
        Busy(
            N_("The database is busy with the same data. Nothing was written."),
            next_step=N_("Send the same request again in a few seconds."),
        )
    )


def answer_lost(error: Exception) -> BaseResponse:
    """Answer a database that stopped or was restarted in the middle: a request that is sent again is written once."""
    logger.warning("database lost: %s", type(error).__name__)
    return answer_error(
        Busy(
            N_("The database did not answer for a moment."),
            next_step=N_("Send the same request again in a few seconds: it is written once."),
        )
    )


def answer_data(error: DataError) -> BaseResponse:
    """Answer a value that passed every form and that no column can hold; nothing was written."""
    logger.warning("a value cannot be kept at %s: %s", request.endpoint, getattr(error.orig, "sqlstate", None))
    return answer_error(
        ValueUnkeepable(
            N_("A value has a character or a size that cannot be kept. Nothing was written."),
            next_step=N_("Go back, type it again without special characters, and send the form again."),
        )
    )


def answer_validation(error: ValidationError) -> BaseResponse:
    """Answer a body, a query or a path that does not fit the API's schema, naming each field."""
    fields = {".".join(str(part) for part in item["loc"]): item["msg"] for item in error.errors()}
    return _problem(
        422,
        code="input-invalid",
        detail=gettext("The request does not fit the schema of this route."),
        next_step=gettext("Correct the fields named under 'errors'; the schema is at /api/v1/openapi.json."),
        fields=fields,
    )


def answer_defect(error: Exception) -> BaseResponse:
    """Answer a defect: logged with its trace under a reference, told without detail."""
    reference = str(db.new_id())
    logger.error("defect %s at %s", reference, request.endpoint, exc_info=error)
    return _problem(
        500,
        code="defect",
        detail=gettext("The program failed. Nothing was written."),
        next_step=gettext("Try again; if it fails again, give this reference to the administrator."),
        reference=reference,
    )


def _problem(
    status: int,
    *,
    code: str,
    detail: str,
    next_step: str = "",
    reference: str = "",
    fields: dict[str, str] | None = None,
    findings: list[dict[str, str]] | None = None,
) -> BaseResponse:
    title = _title(status)
    if wants_json():
        body: dict[str, object] = {"type": code, "title": title, "status": status, "detail": detail}
        optional: dict[str, object] = {
            "next_step": next_step,
            "reference": reference,
            "errors": fields or {},
            "findings": findings or [],
        }
        body |= {name: value for name, value in optional.items() if value}
        answer = jsonify(body)
        answer.content_type = "application/problem+json"
    else:
        template = "errors/problem_fragment.html" if wants_fragment() else "errors/problem.html"
        answer = make_response(
            render_template(
                template,
                status=status,
                code=code,
                title=title,
                detail=detail,
                next_step=next_step,
                reference=reference,
                back_href=safe_next(urlsplit(request.referrer or "/").path),
            )
        )
    answer.status_code = status
    if status == 401:  # noqa: PLR2004 - RFC 9110 section 15.5.2 asks for the challenge
        answer.headers["WWW-Authenticate"] = 'Bearer realm="trace59"'
    return answer


def _title(status: int) -> str:
    titles = {
        400: gettext("Request refused"),
        401: gettext("Log-in needed"),
        403: gettext("Not allowed"),
        404: gettext("Not found"),
        409: gettext("Refused"),
        422: gettext("Something is missing or wrong"),
        500: gettext("The program failed"),
        BUSY_STATUS: gettext("Busy"),
    }
    return str(titles.get(status, gettext("Request refused")))
