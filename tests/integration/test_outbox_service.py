"""Messages: written once with their cause, withdrawn, tried again, set aside."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.orm import Session

from tests.hospital import ALICE, BOB, GUY, HOSPITAL_B, NOW, enter
from tracker import db
from tracker.actor import Actor, Permission, system_actor
from tracker.audit.models import AuditEntry
from tracker.documents import service as documents
from tracker.documents.models import Document, DocumentKind
from tracker.documents.queries import DocumentNotFound
from tracker.documents.service import NewFile
from tracker.errors import NotPermitted
from tracker.outbox import queries, rules, service
from tracker.outbox.models import Attempt, Message
from tracker.outbox.rules import AttemptResult, MessageKind, MessageNotWaiting, MessageState
from tracker.outbox.service import Claim, NewMessage

SYSTEM = system_actor(BOB.establishment_id)
NEW = NewMessage(
    kind=MessageKind.REPORT_ANSM,
    idempotency_key="vigilance.report:12:ansm",
    subject_ref="incident:12",
    recipient="materiovigilance@ansm.test",
    subject="Report 12",
    body="Please find our report.",
)
OK = AttemptResult(succeeded=True, permanent=False, answer="250 queued as 1", details={"sha256": "00"})
LATER = AttemptResult(succeeded=False, permanent=False, answer="451 later", details={})
NEVER = AttemptResult(succeeded=False, permanent=True, answer="550 no such mailbox", details={})


def write(session: Session, new: NewMessage = NEW, actor: Actor = BOB) -> Message:
    return service.queue(session, new=new, actor=actor, now=NOW)


def take(session: Session, *, after: timedelta = timedelta()) -> Claim:
    claimed = service.claim(session, actor=SYSTEM, now=NOW + after)
    assert claimed is not None
    return claimed


def end(session: Session, claimed: Claim, result: AttemptResult) -> MessageState:
    return service.record_attempt(session, claimed, result=result, actor=SYSTEM, now=NOW)


def freeze(session: Session, content: bytes) -> Document:
    file = NewFile(DocumentKind.REPORT_ANSM, "incident:12", "r.pdf", b"%PDF-" + content, has_patient_data=True)
    return documents.freeze(session, file, actor=BOB, now=NOW)


def actions(session: Session, message: Message) -> list[str]:
    statement = select(AuditEntry.action).where(AuditEntry.subject == f"message:{message.id}")
    return list(session.scalars(statement.order_by(AuditEntry.sequence)))


def test_a_written_message_waits_with_a_message_id_of_its_own(session: Session) -> None:
    message = write(session)

    assert message.state is MessageState.QUEUED
    assert message.message_id == f"<{message.id}@hospital-1.test>"
    assert message.next_attempt_at == NOW
    assert actions(session, message) == ["message:queued"]


def test_the_same_cause_writes_one_message(session: Session) -> None:
    first = write(session)

    second = write(session, replace(NEW, subject="Another subject"))

    assert second.id == first.id
    assert second.subject == NEW.subject
    assert session.scalar(select(func.count()).select_from(Message)) == 1
    assert actions(session, first) == ["message:queued"]


def test_two_hospitals_may_use_the_same_key(session: Session) -> None:
    first = write(session)
    enter(session, HOSPITAL_B)

    second = write(session, actor=GUY)

    assert second.id != first.id


def test_attachments_keep_their_order(session: Session) -> None:
    documents_ = [freeze(session, bytes([number])) for number in (65, 66, 67)]

    message = write(session, replace(NEW, attachments=tuple(document.id for document in documents_)))

    assert [document.id for document in queries.list_attachments(session, message.id)] == [d.id for d in documents_]


def test_a_letter_holds_the_plain_files(session: Session) -> None:
    message = write(session, replace(NEW, attachments=(freeze(session, b"A").id,)))

    letter = queries.get_letter(session, message, sender="trace59@hospital.test")

    assert [file.content for file in letter.attachments] == [b"%PDF-A"]
    assert letter.sender_name == "Hôpital A"
    assert letter.reply_to == "contact@hospital-1.test"


def test_a_bad_address_writes_nothing(session: Session) -> None:
    with pytest.raises(rules.RecipientInvalid):
        write(session, replace(NEW, recipient="a@b.fr\nBcc: c@d.fr"))

    assert session.scalar(select(func.count()).select_from(Message)) == 0


def test_another_hospital_sees_no_message(session: Session) -> None:
    message = write(session)
    enter(session, HOSPITAL_B)
    session.expunge_all()

    assert queries.list_messages(session) == []
    assert service.claim(session, actor=system_actor(HOSPITAL_B), now=NOW) is None
    with pytest.raises(queries.MessageNotFound):
        queries.get_message(session, message.id)


def test_a_success_is_kept_with_the_servers_answer(session: Session) -> None:
    message = write(session)

    state = end(session, take(session), OK)

    assert state is MessageState.SENT
    assert message.finished_at == NOW
    [attempt] = queries.list_attempts(session, message.id)
    assert (attempt.succeeded, attempt.answer) == (True, "250 queued as 1")
    assert actions(session, message) == ["message:queued", "message:sent"]


def test_a_passing_failure_comes_back_later(session: Session) -> None:
    message = write(session)

    end(session, take(session), LATER)

    assert message.state is MessageState.QUEUED
    assert message.next_attempt_at == NOW + rules.retry_delay(1)
    assert service.claim(session, actor=SYSTEM, now=NOW) is None
    assert take(session, after=rules.retry_delay(1)).message_id == message.id


def test_a_permanent_refusal_fails_at_once_and_is_counted(session: Session) -> None:
    message = write(session)

    end(session, take(session), NEVER)

    assert message.state is MessageState.FAILED
    assert queries.count_failed(session) == 1
    assert actions(session, message)[-1] == "message:failed"


def test_the_last_attempt_fails_for_good(session: Session) -> None:
    message = write(session)
    message.attempt_count = rules.MAX_ATTEMPTS - 1
    session.flush()

    assert end(session, take(session), LATER) is MessageState.FAILED


def test_a_message_that_kills_its_worker_each_time_fails_for_good(session: Session) -> None:
    message = write(session)
    instant = timedelta()
    for _ in range(rules.MAX_ATTEMPTS):
        take(session, after=instant)  # and the worker dies: nothing is recorded
        instant += rules.LEASE + timedelta(hours=4)

    assert service.claim(session, actor=SYSTEM, now=NOW + instant) is None
    assert message.state is MessageState.FAILED
    assert actions(session, message)[-1] == "message:failed"


def test_a_claimed_message_is_nobody_elses_until_the_lease_ends(session: Session) -> None:
    write(session)
    first = take(session)

    assert service.claim(session, actor=SYSTEM, now=NOW + rules.LEASE - timedelta(seconds=1)) is None
    assert take(session, after=rules.LEASE).message_id == first.message_id


def test_the_one_that_waited_longest_goes_first(session: Session) -> None:
    late = write(session, replace(NEW, idempotency_key="late"))
    early = write(session, replace(NEW, idempotency_key="early"))
    late.next_attempt_at = NOW - timedelta(minutes=1)
    early.next_attempt_at = NOW - timedelta(minutes=2)
    session.flush()

    assert [take(session).message_id, take(session).message_id] == [early.id, late.id]


def test_a_failure_told_after_the_lease_changes_nothing_for_the_new_holder(session: Session) -> None:
    message = write(session)
    slow = take(session)
    quick = take(session, after=rules.LEASE)

    end(session, slow, NEVER)

    assert message.state is MessageState.QUEUED
    assert message.lease_until == quick.lease_until
    assert len(queries.list_attempts(session, message.id)) == 1


def test_a_success_told_after_the_lease_counts(session: Session) -> None:
    message = write(session)
    slow = take(session)
    quick = take(session, after=rules.LEASE)

    end(session, slow, OK)
    end(session, quick, OK)

    assert message.state is MessageState.SENT
    assert actions(session, message) == ["message:queued", "message:sent"]
    assert len(queries.list_attempts(session, message.id)) == 2


def test_a_cancelled_message_is_not_sent(session: Session) -> None:
    message = write(session)

    service.cancel(session, message.id, actor=BOB, now=NOW)
    service.cancel(session, message.id, actor=BOB, now=NOW)

    assert message.state is MessageState.CANCELLED
    assert service.claim(session, actor=SYSTEM, now=NOW) is None
    assert actions(session, message) == ["message:queued", "message:cancelled"]


def test_a_message_that_left_while_it_was_cancelled_is_told_as_sent(session: Session) -> None:
    message = write(session)
    claimed = take(session)
    service.cancel(session, message.id, actor=BOB, now=NOW)

    end(session, claimed, OK)

    assert message.state is MessageState.SENT


def test_a_failure_of_a_cancelled_message_leaves_it_cancelled(session: Session) -> None:
    message = write(session)
    claimed = take(session)
    service.cancel(session, message.id, actor=BOB, now=NOW)

    end(session, claimed, NEVER)

    assert message.state is MessageState.CANCELLED


def test_a_sent_message_cannot_be_cancelled_retried_or_set_aside(session: Session) -> None:
    message = write(session)
    end(session, take(session), OK)

    for action in (service.cancel, service.retry_message, service.set_aside):
        with pytest.raises(MessageNotWaiting):
            action(session, message.id, actor=BOB, now=NOW)


def test_a_failed_message_is_tried_again_with_all_its_attempts_before_it(session: Session) -> None:
    message = write(session)
    end(session, take(session), NEVER)

    service.retry_message(session, message.id, actor=BOB, now=NOW)

    assert message.state is MessageState.QUEUED
    assert message.attempt_count == 0
    assert message.finished_at is None
    assert take(session).message_id == message.id
    assert "message:retried" in actions(session, message)


def test_a_failed_message_told_by_other_means_is_set_aside(session: Session) -> None:
    message = write(session)
    end(session, take(session), NEVER)

    service.set_aside(session, message.id, actor=BOB, now=NOW)
    service.set_aside(session, message.id, actor=BOB, now=NOW)

    assert message.state is MessageState.CANCELLED
    assert queries.count_failed(session) == 0
    assert actions(session, message)[-1] == "message:set-aside"


def test_a_waiting_message_cannot_be_set_aside(session: Session) -> None:
    message = write(session)

    with pytest.raises(MessageNotWaiting):
        service.set_aside(session, message.id, actor=BOB, now=NOW)


@pytest.mark.parametrize("action", [service.retry_message, service.set_aside])
def test_only_who_transmits_reports_may_retry_or_set_aside(session: Session, action: object) -> None:
    message = write(session)
    end(session, take(session), NEVER)

    with pytest.raises(NotPermitted):
        action(session, message.id, actor=ALICE, now=NOW)  # type: ignore[operator]

    assert not ALICE.can(Permission.INCIDENT_TRANSMIT)
    assert message.state is MessageState.FAILED


def test_acting_on_no_message_is_told(session: Session) -> None:
    with pytest.raises(queries.MessageNotFound):
        service.cancel(session, UUID(int=1), actor=BOB, now=NOW)


def test_the_list_is_read_page_by_page(session: Session) -> None:
    written = [write(session, replace(NEW, idempotency_key=str(number))) for number in range(5)]

    first = queries.list_messages(session, limit=3)
    second = queries.list_messages(session, before=first[-1].id, limit=3)

    assert [message.id for message in [*first, *second]] == [message.id for message in reversed(written)]


def test_the_list_can_show_one_state(session: Session) -> None:
    write(session)
    end(session, take(session), NEVER)
    write(session, replace(NEW, idempotency_key="other"))

    assert [m.state for m in queries.list_messages(session, state=MessageState.FAILED)] == [MessageState.FAILED]


@pytest.mark.parametrize("statement", ["update message_attempt set answer = ''", "delete from message_attempt"])
def test_the_proof_of_sending_cannot_be_rewritten(session: Session, statement: str) -> None:
    write(session)
    end(session, take(session), OK)
    session.flush()

    with pytest.raises(ProgrammingError, match="permission denied"):
        session.execute(text(statement))


def test_a_document_of_another_hospital_cannot_be_attached(session: Session) -> None:
    enter(session, HOSPITAL_B)
    file = NewFile(DocumentKind.REPORT_ANSM, "incident:1", "r.pdf", b"%PDF-B", has_patient_data=True)
    foreign = documents.freeze(session, file, actor=GUY, now=NOW)
    enter(session, BOB.establishment_id)

    session.expunge_all()

    with pytest.raises(DocumentNotFound):
        write(session, replace(NEW, attachments=(foreign.id,)))


def test_an_attempt_belongs_to_a_message(session: Session) -> None:
    attempt = Attempt(
        id=db.new_id(),
        establishment_id=BOB.establishment_id,
        message_id=UUID(int=1),
        at=NOW,
        succeeded=True,
        permanent=False,
        answer="",
        details={},
    )
    session.add(attempt)

    with pytest.raises(DBAPIError, match="fk_message_attempt_message_id"):
        session.flush()
