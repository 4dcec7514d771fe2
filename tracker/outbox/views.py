"""Pages of messages to the outside: where each one is, its proof of sending, and the mailbox of this machine."""

from uuid import UUID

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import pgettext
from werkzeug.wrappers import Response

from tracker import clock, http
from tracker.actor import Permission
from tracker.documents import service as documents
from tracker.errors import N_, NotFound
from tracker.outbox import queries, service, transport
from tracker.outbox.rules import KIND_LABELS, MessageState

bp = Blueprint("outbox", __name__, template_folder="templates")

_STATES = {state.value: state for state in MessageState}


class NoLocalMailbox(NotFound):
    """This installation sends its mail; nothing of it is kept here."""

    code = "mailbox-absent"


@bp.get("/messages")
@http.requires(Permission.MESSAGE_READ)
def index() -> Response:
    """Show the messages, newest first; ``?state=failed`` shows those that failed for good."""
    state = _STATES.get(request.args.get("state", ""))
    with http.transaction() as session:
        messages = queries.list_messages(session, before=_cursor(), state=state)
        failed_count = queries.count_failed(session)
    older = messages[-1].id if len(messages) == queries.PAGE_SIZE else None
    page = render_template(
        "outbox/index.html",
        messages=messages,
        failed_count=failed_count,
        state=state,
        older=url_for("outbox.index", before=older, state=state) if older else None,
        kinds=_kinds(),
        has_mailbox=_has_mailbox(),
    )
    return make_response(page)


@bp.get("/messages/<uuid:message_id>")
@http.requires(Permission.MESSAGE_READ)
def show(message_id: UUID) -> Response:
    """Show one message, each attempt to send it and what the server answered."""
    with http.transaction() as session:
        message = queries.get_message(session, message_id)
        attempts = queries.list_attempts(session, message_id)
        attachments = queries.list_attachments(session, message_id)
        cover = queries.get_cover(session, message, sender=http.web().values["mail_from"])
    email = transport.show(transport.compose(cover))
    page = render_template(
        "outbox/show.html",
        message=message,
        attempts=attempts,
        attachments=attachments,
        email=email,
        headers=_headers(email),
        kinds=_kinds(),
        may_retry=http.current_actor().can(Permission.INCIDENT_TRANSMIT),
    )
    return make_response(page)


@bp.post("/messages/<uuid:message_id>/retry")
@http.requires(Permission.INCIDENT_TRANSMIT)
def retry(message_id: UUID) -> Response:
    """Try a message again at once."""
    with http.transaction() as session:
        service.retry_message(session, message_id, actor=http.current_actor(), now=clock.utc_now())
    flash(_("The message will be tried again within a minute."), "success")
    return redirect(url_for("outbox.show", message_id=message_id), code=303)


@bp.post("/messages/<uuid:message_id>/set-aside")
@http.requires(Permission.INCIDENT_TRANSMIT)
def set_aside(message_id: UUID) -> Response:
    """Close a message that failed, because it was told by other means."""
    with http.transaction() as session:
        service.set_aside(session, message_id, actor=http.current_actor(), now=clock.utc_now())
    flash(_("The message is set aside. It stays in the register with its attempts."), "success")
    return redirect(url_for("outbox.show", message_id=message_id), code=303)


@bp.get("/mailbox")
@http.requires(Permission.MESSAGE_READ)
def mailbox() -> Response:
    """Show the messages that stayed on this machine, newest first."""
    _check_mailbox()
    with http.transaction() as session:
        kept = queries.list_kept(session, before=_cursor())
    older = kept[-1].message.id if len(kept) == queries.PAGE_SIZE else None
    page = render_template(
        "outbox/mailbox.html",
        kept=kept,
        older=url_for("outbox.mailbox", before=older) if older else None,
        kinds=_kinds(),
    )
    return make_response(page)


@bp.get("/mailbox/<uuid:message_id>")
@http.requires(Permission.MESSAGE_READ)
def mail(message_id: UUID) -> Response:
    """Show one e-mail of the mailbox as its recipient would see it."""
    kept, email = _read_mail(message_id)
    return make_response(render_template("outbox/mail.html", kept=kept, email=email, headers=_headers(email)))


@bp.get("/mailbox/<uuid:message_id>/files/<int:position>")
@http.requires(Permission.MESSAGE_READ)
def mail_file(message_id: UUID, position: int) -> Response:
    """Answer one file as it left; one with patient data needs the permission to read patients, and is recorded.

    Raises:
        MessageNotFound: there is no such file.
    """
    _kept, email = _read_mail(message_id)
    with http.transaction() as session:
        attachments = queries.list_attachments(session, message_id)
        if position >= min(len(attachments), len(email.attachments)):
            raise queries.MessageNotFound(N_("This message has no such file."))
        actor = http.current_actor()
        documents.read_document(session, attachments[position].id, actor=actor, now=clock.utc_now())
    file = email.attachments[position]
    answer = make_response(file.content)
    answer.content_type = file.media_type
    answer.headers.set("Content-Disposition", "attachment", filename=file.filename)
    return answer


def _read_mail(message_id: UUID) -> tuple[queries.KeptMail, transport.ShownMail]:
    """Return one e-mail of this establishment from the mailbox.

    Raises:
        MessageNotFound: it is not this establishment's, or is no longer in the folder.
    """
    _check_mailbox()
    with http.transaction() as session:
        kept = queries.get_kept(session, message_id)
    content = transport.mailbox_of(http.web().values["var_directory"]).read(kept.mailbox_key)
    if content is None:
        raise queries.MessageNotFound(
            N_("This e-mail is no longer in the local mailbox."),
            next_step=N_("Its text and its documents are still in the register: open the message."),
        )
    return kept, transport.show(transport.parse(content))


def _headers(email: transport.ShownMail) -> list[tuple[str, str]]:
    """Return the headers of an e-mail, those that every mail program translates in the reader's language."""
    words = {
        "From": pgettext("e-mail", "From"),
        "To": pgettext("e-mail", "To"),
        "Reply-To": pgettext("e-mail", "Reply-To"),
        "Subject": _("Subject"),
    }
    return [(words.get(name, name), value) for name, value in email.headers]


def _has_mailbox() -> bool:
    return bool(g.establishment.is_demonstration) or http.web().values["mail_transport"] == "local"


def _check_mailbox() -> None:
    if not _has_mailbox():
        raise NoLocalMailbox(
            N_("This establishment sends its messages: there is no local mailbox."),
            next_step=N_("Open the list of messages."),
        )


def _cursor() -> UUID | None:
    value = request.args.get("before")
    return http.read_request_id(value) if value else None


def _kinds() -> dict[str, str]:
    return {kind.value: http.sentence(words) for kind, words in KIND_LABELS.items()}
