"""Pages of log-in, one's own account, and the accounts of the establishment."""

import logging
from datetime import datetime, timedelta
from uuid import UUID

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, session
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.accounts import forms, queries, service
from tracker.accounts.models import Person
from tracker.accounts.rules import ROLE_LABELS, TOKEN_SCOPE_LABELS, SessionPolicy, browser_of
from tracker.accounts.service import LoginRefused, NewPerson
from tracker.actor import Permission, Role
from tracker.errors import N_, Conflict, InvalidInput, TraceError

logger = logging.getLogger(__name__)

bp = Blueprint("accounts", __name__, template_folder="templates")

SESSION_COOKIE = "trace59_session"
LOCALE_COOKIE = "trace59_locale"
_ONE_YEAR_SECONDS = 365 * 24 * 3600


def _policy() -> SessionPolicy:
    values = http.web().values
    return SessionPolicy(
        idle=timedelta(minutes=values["session_idle_minutes"]), longest=timedelta(hours=values["session_hours"])
    )


@bp.get("/login")
@http.public
def login() -> Response:
    """Show the log-in page."""
    form = forms.LogInForm(next=request.args.get("next", ""))
    return make_response(render_template("accounts/login.html", form=form, demonstration=_is_demonstration()))


def _is_demonstration() -> bool:
    return bool(http.web().values["demonstration"])


@bp.post("/login")
@http.public
def log_in() -> Response:
    """Log a person in and lead back to the page they wanted."""
    form = forms.LogInForm()
    if not form.validate():
        page = render_template("accounts/login.html", form=form, demonstration=_is_demonstration())
        return make_response(page, 422)
    try:
        token = _open_session(forms.text_of(form.email), forms.text_of(form.password))
    except TraceError as error:
        return http.rejected("accounts/login.html", form, error, demonstration=_is_demonstration())
    session.clear()  # a form token made before the log-in is worth nothing after it
    answer = redirect(http.safe_next(form.next.data), code=303)
    answer.set_cookie(SESSION_COOKIE, token, httponly=True, samesite="Lax", secure=http.web().values["secure_cookies"])
    return answer


def _open_session(email: str, password: str) -> str:
    now = clock.utc_now()
    with db.authentication(http.database()) as transaction:
        attempt = service.try_password(transaction, email=email, password=password, now=now)
    person = attempt.person
    if person is None:
        _note_failure(attempt.known, now=now)
        raise LoginRefused(
            N_("The address or the password is wrong."), next_step=N_("Try again, or ask the administrator.")
        )
    with db.transaction(http.database(), person.establishment_id) as transaction:
        return service.open_session(
            transaction,
            actor=service.actor_of(person),
            policy=_policy(),
            user_agent=request.user_agent.string,
            now=now,
        )


def _note_failure(known: Person | None, *, now: datetime) -> None:
    """Tell of a failed log-in: in the trail of whose name was typed; of a name that nobody has, only in the log.

    A name that nobody has belongs to no establishment's trail, and would let anybody write there without end.
    """
    if known is None:
        logger.warning("failed log-in under a name that nobody has")
        return
    with db.transaction(http.database(), known.establishment_id) as transaction:
        service.note_failed_login(transaction, known, now=now)


@bp.post("/logout")
@http.requires(Permission.ACCOUNT_USE)
def log_out() -> Response:
    """End the present log-in."""
    if not g.bearer:
        with http.transaction() as transaction:
            service.revoke_session(transaction, g.session_id, actor=http.current_actor(), now=clock.utc_now())
    session.clear()
    answer = redirect("/login", code=303)
    answer.delete_cookie(SESSION_COOKIE)
    return answer


@bp.get("/language/<code>")
@http.public
def choose_language(code: str) -> Response:
    """Keep the language of this browser and lead back."""
    answer = redirect(http.safe_next(request.args.get("next")), code=303)
    if code in {"fr", "en"}:
        secure = http.web().values["secure_cookies"]
        answer.set_cookie(LOCALE_COOKIE, code, max_age=_ONE_YEAR_SECONDS, samesite="Lax", secure=secure)
    return answer


@bp.get("/account")
@http.requires(Permission.ACCOUNT_USE)
def account() -> Response:
    """Show one's own log-ins and tokens."""
    return _account_page()


def _account_page(
    *,
    token_form: forms.TokenForm | None = None,
    password_form: forms.OwnPasswordForm | None = None,
    secret: str = "",
    error: TraceError | None = None,
) -> Response:
    actor, now = http.current_actor(), clock.utc_now()
    token_form = token_form or forms.TokenForm(formdata=None)
    password_form = password_form or forms.OwnPasswordForm(formdata=None)
    with http.transaction() as transaction:
        person = queries.get_person(transaction, actor.id)
        sessions = queries.list_sessions(transaction, actor.id, policy=_policy(), now=now)
        tokens = queries.list_tokens(transaction, actor.id, now=now)
    shown = {
        "person": person,
        "sessions": sessions,
        "tokens": tokens,
        "scope_labels": TOKEN_SCOPE_LABELS,
        "present_id": g.get("session_id"),
        "token_form": token_form,
        "password_form": password_form,
        "secret": secret,
        "browser_of": browser_of,
    }
    if error is not None:
        return http.rejected("accounts/account.html", password_form, error, **shown)
    is_invalid = bool(token_form.errors or password_form.errors)
    return make_response(render_template("accounts/account.html", **shown), 422 if is_invalid else 200)


@bp.post("/account/password")
@http.requires(Permission.ACCOUNT_USE)
def change_password() -> Response:
    """Change one's own password; every log-in of theirs ends."""
    form = forms.OwnPasswordForm()
    if not form.validate():
        return _account_page(password_form=form)
    try:
        with http.transaction() as transaction:
            service.change_password(
                transaction,
                present=forms.text_of(form.present),
                password=forms.text_of(form.password),
                actor=http.current_actor(),
                now=clock.utc_now(),
            )
    except InvalidInput as error:
        return _account_page(password_form=form, error=error)
    flash(_("The password is changed. Log in again."), "success")
    return redirect("/login", code=303)


@bp.post("/account/sessions/<uuid:session_id>/revoke")
@http.requires(Permission.ACCOUNT_USE)
def revoke_session(session_id: UUID) -> Response:
    """End one of one's own log-ins."""
    with http.transaction() as transaction:
        service.revoke_session(transaction, session_id, actor=http.current_actor(), now=clock.utc_now())
    flash(_("The log-in has ended."), "success")
    return redirect("/account", code=303)


@bp.post("/account/tokens")
@http.requires(Permission.ACCOUNT_USE)
def create_token() -> Response:
    """Make an API token and show its secret once."""
    form = forms.TokenForm()
    if not form.validate():
        return _account_page(token_form=form)
    with http.transaction() as transaction:
        _row, secret = service.create_token(
            transaction,
            name=forms.text_of(form.name),
            scope=forms.scope_of(form),
            lifetime=forms.lifetime_of(form),
            actor=http.current_actor(),
            now=clock.utc_now(),
        )
    return _account_page(secret=secret)


@bp.post("/account/tokens/<uuid:token_id>/revoke")
@http.requires(Permission.ACCOUNT_USE)
def revoke_token(token_id: UUID) -> Response:
    """Revoke one of one's own tokens."""
    with http.transaction() as transaction:
        service.revoke_token(transaction, token_id, actor=http.current_actor(), now=clock.utc_now())
    flash(_("The token is revoked."), "success")
    return redirect("/account", code=303)


@bp.get("/people")
@http.requires(Permission.PERSON_MANAGE)
def people() -> Response:
    """Show the accounts of the establishment."""
    with http.transaction() as transaction:
        rows = queries.list_people(transaction)
    return make_response(render_template("accounts/people.html", people=rows, role_words=_role_words()))


def _role_words() -> dict[str, str]:
    return {role.value: _(label) for role, label in ROLE_LABELS.items()}


@bp.get("/people/new")
@http.requires(Permission.PERSON_MANAGE)
def new_person() -> Response:
    """Show the form for a new account."""
    form = forms.PersonForm(request_id=str(db.new_id()))
    return make_response(render_template("accounts/person_new.html", form=form))


@bp.post("/people/new")
@http.requires(Permission.PERSON_MANAGE)
def create_person() -> Response:
    """Create an account."""
    form = forms.PersonForm()
    if not form.validate():
        return make_response(render_template("accounts/person_new.html", form=form), 422)
    new = NewPerson(
        email=forms.text_of(form.email),
        family_name=forms.text_of(form.family_name),
        given_name=forms.text_of(form.given_name),
        roles=forms.chosen_roles(form.roles),
        password=forms.text_of(form.password),
        rpps=form.rpps.data or None,
        locale=form.locale.data,
    )
    try:
        person_id = http.read_request_id(form.request_id.data)
        with http.transaction() as transaction:
            service.create_person(transaction, person_id, new=new, actor=http.current_actor(), now=clock.utc_now())
    except (InvalidInput, Conflict) as error:
        return http.rejected("accounts/person_new.html", form, error)
    flash(_("The account is open."), "success")
    return redirect("/people", code=303)


@bp.route("/people/<uuid:person_id>", methods=["GET", "POST"])
@http.requires(Permission.PERSON_MANAGE)
def show_person(person_id: UUID) -> Response:
    """Show one account and change what it may do."""
    with http.transaction() as transaction:
        person = queries.get_person(transaction, person_id)
    if request.method == "GET":
        return _person_page(person)
    form = forms.RolesForm()
    if not form.validate():
        return _person_page(person, form=form)
    try:
        with http.transaction() as transaction:
            service.change_roles(
                transaction,
                person_id,
                roles=forms.chosen_roles(form.roles),
                is_active=form.is_active.data,
                actor=http.current_actor(),
                now=clock.utc_now(),
            )
    except Conflict as error:
        return _person_page(person, form=form, error=error)
    flash(_("The account is changed."), "success")
    return redirect("/people", code=303)


def _person_page(
    person: Person,
    *,
    form: forms.RolesForm | None = None,
    password_form: forms.PasswordForm | None = None,
    error: TraceError | None = None,
) -> Response:
    roles_form = form or forms.RolesForm(
        formdata=None, roles=[Role(role).value for role in person.roles], is_active=person.is_active
    )
    password_form = password_form or forms.PasswordForm(formdata=None)
    shown = {"person": person, "password_form": password_form}
    if error is not None:
        return http.rejected("accounts/person.html", roles_form, error, **shown)
    page = render_template("accounts/person.html", form=roles_form, **shown)
    return make_response(page, 422 if roles_form.errors or password_form.errors else 200)


@bp.post("/people/<uuid:person_id>/password")
@http.requires(Permission.PERSON_MANAGE)
def reset_password(person_id: UUID) -> Response:
    """Give a person a new password."""
    form = forms.PasswordForm()
    with http.transaction() as transaction:
        person = queries.get_person(transaction, person_id)
    if not form.validate():
        return _person_page(person, password_form=form)
    try:
        with http.transaction() as transaction:
            service.reset_password(
                transaction,
                person_id,
                password=forms.text_of(form.password),
                actor=http.current_actor(),
                now=clock.utc_now(),
            )
    except InvalidInput as error:
        return _person_page(person, password_form=form, error=error)
    flash(_("The password is changed; the person's log-ins have ended."), "success")
    return redirect(f"/people/{person_id}", code=303)
