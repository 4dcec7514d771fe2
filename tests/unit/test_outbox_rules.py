"""When a message is tried again, and what may be written at its head."""

from datetime import timedelta

import pytest

from tracker.outbox import rules
from tracker.outbox.rules import MessageKind, MessageState


def test_waiting_grows_with_each_failure_and_stops_growing_at_four_hours() -> None:
    delays = [rules.retry_delay(count) for count in range(1, rules.MAX_ATTEMPTS)]

    assert delays == sorted(delays)
    assert delays[0] == timedelta(minutes=1)
    assert delays[-1] == timedelta(hours=4)


def test_a_message_is_tried_for_at_least_four_days() -> None:
    total = sum((rules.retry_delay(count) for count in range(1, rules.MAX_ATTEMPTS)), timedelta())

    assert timedelta(days=4) <= total <= timedelta(days=6)


@pytest.mark.parametrize(
    ("attempt_count", "permanent", "state"),
    [
        (1, False, MessageState.QUEUED),
        (rules.MAX_ATTEMPTS - 1, False, MessageState.QUEUED),
        (rules.MAX_ATTEMPTS, False, MessageState.FAILED),
        (1, True, MessageState.FAILED),
    ],
)
def test_a_failure_is_final_when_permanent_or_the_last_one(
    *, attempt_count: int, permanent: bool, state: MessageState
) -> None:
    assert rules.state_after_failure(attempt_count, permanent=permanent) is state


@pytest.mark.parametrize("address", ["materiovigilance@ansm.sante.fr", "a@b", "o'neil+x@mail.example.org"])
def test_a_plain_address_is_accepted(address: str) -> None:
    rules.check_recipient(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        "a@b@c",
        "a b@c.fr",
        "a@c.fr\nBcc: x@y.fr",
        "a@c.fr\r\nBcc: x@y.fr",
        "a@c.fr, d@e.fr",
        "<a@c.fr>",
        "é@c.fr",
        "a@c..fr",
        f"{'a' * 65}@c.fr",
        f"a@{'b' * 260}.fr",
        "a@c.fr\n",
    ],
)
def test_anything_but_one_plain_address_is_refused(address: str) -> None:
    with pytest.raises(rules.RecipientInvalid):
        rules.check_recipient(address)


@pytest.mark.parametrize("subject", ["Report 12\nBcc: x@y.fr", "Report\r12", "Report\x00", "Report\u2028x"])
def test_a_subject_of_two_lines_is_refused(subject: str) -> None:
    with pytest.raises(rules.SubjectInvalid):
        rules.check_subject(subject)


def test_every_kind_has_a_name() -> None:
    assert set(rules.KIND_LABELS) == set(MessageKind)
