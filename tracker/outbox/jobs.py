"""Sends what waits: claim with a lease, send outside any transaction, then mark (docs/decisions/0006)."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from tracker import clock
from tracker.actor import system_actor
from tracker.db import Database, transaction
from tracker.organisation import queries as organisation
from tracker.organisation.models import Establishment
from tracker.outbox import queries, service
from tracker.outbox.rules import AttemptResult, MessageState
from tracker.outbox.transport import Transport, TransportError, compose, fingerprint
from tracker.schedule import Job

logger = logging.getLogger(__name__)

MOST_PER_RUN = 100
"""Messages of one establishment in one run, so that no establishment keeps the others waiting."""


class DemonstrationMail(Exception):
    """The demonstration was about to be given a way out of the machine."""


def deliver_job(transport_for: Callable[[Establishment], Transport], *, sender: str, every: timedelta) -> Job:
    """Return the job that sends.

    Args:
        transport_for: the way out of an establishment (``Transports.choose``).
        sender: address of the sender.
        every: period.
    """
    return Job("outbox.deliver", every, partial(deliver, transport_for=transport_for, sender=sender))


def deliver(
    database: Database, now: datetime, *, transport_for: Callable[[Establishment], Transport], sender: str
) -> int:
    """Send what is due, establishment by establishment.

    Returns:
        How many messages were sent.

    Raises:
        DemonstrationMail: a demonstration would leave the machine; nothing of it was sent.
    """
    started = clock.monotonic_seconds()

    def instant() -> datetime:
        return now + timedelta(seconds=clock.monotonic_seconds() - started)

    with transaction(database, None) as session:
        establishments = organisation.list_establishments(session)
    sent = 0
    for establishment in establishments:
        transport = transport_for(establishment)
        if establishment.is_demonstration and not transport.is_local:
            raise DemonstrationMail(establishment.name)
        sent += _deliver_establishment(database, establishment, transport=transport, sender=sender, instant=instant)
    return sent


def _deliver_establishment(
    database: Database,
    establishment: Establishment,
    *,
    transport: Transport,
    sender: str,
    instant: Callable[[], datetime],
) -> int:
    sent = 0
    actor = system_actor(establishment.id)
    for _ in range(MOST_PER_RUN):
        with transaction(database, establishment.id) as session:
            claimed = service.claim(session, actor=actor, now=instant())
        if claimed is None:
            break
        result = _attempt(database, establishment, claimed, transport=transport, sender=sender)
        with transaction(database, establishment.id) as session:
            state = service.record_attempt(session, claimed, result=result, actor=actor, now=instant())
        sent += result.succeeded
        if state is MessageState.FAILED:
            logger.error("message %s failed for good", claimed.message_id)
        if result.is_unreachable:
            logger.warning("mail server of %s not reached; the rest waits for the next run", establishment.id)
            break
    return sent


def _attempt(
    database: Database, establishment: Establishment, claimed: service.Claim, *, transport: Transport, sender: str
) -> AttemptResult:
    """Return how one attempt ended. Whatever is wrong with one message, the others still go out."""
    try:
        with transaction(database, establishment.id) as session:
            message = queries.get_message(session, claimed.message_id)
            letter = queries.get_letter(session, message, sender=sender)
        email = compose(letter)
        receipt = transport.send(email)
    except TransportError as error:
        return AttemptResult(
            succeeded=False,
            permanent=error.permanent,
            answer=error.message,
            details={},
            is_unreachable=error.is_unreachable,
        )
    except Exception as error:  # one message must not stop the others (house style 5.7)
        logger.exception("message %s cannot be sent", claimed.message_id)
        answer = f"defect: {type(error).__name__}"  # no more: the text of an error may quote the message
        return AttemptResult(succeeded=False, permanent=False, answer=answer, details={})
    return AttemptResult(
        succeeded=True,
        permanent=False,
        answer=receipt.answer,
        details={**receipt.details, "sha256": fingerprint(email)},
    )
