"""Passwords, and when a log-in holds."""

from datetime import timedelta

import pytest

from tests.hospital import NOW
from tracker.accounts.rules import (
    MAX_PASSWORD_LENGTH,
    MIN_PASSWORD_LENGTH,
    ROLE_LABELS,
    PasswordRefused,
    check_password,
    is_live,
)
from tracker.actor import Role

EMAIL = "marie.martin@hospital.test"
IDLE = timedelta(minutes=30)
END = NOW + timedelta(hours=12)


@pytest.mark.parametrize("length", [MIN_PASSWORD_LENGTH, MAX_PASSWORD_LENGTH])
def test_a_password_of_a_permitted_length_may_be_used(length: int) -> None:
    check_password("x" * length, email=EMAIL)


@pytest.mark.parametrize("length", [0, MIN_PASSWORD_LENGTH - 1, MAX_PASSWORD_LENGTH + 1])
def test_a_password_too_short_or_too_long_is_refused(length: int) -> None:
    with pytest.raises(PasswordRefused) as refused:
        check_password("x" * length, email=EMAIL)

    assert "between 12 and 200" in str(refused.value)


def test_a_password_that_names_its_account_is_refused_whatever_the_case() -> None:
    with pytest.raises(PasswordRefused, match="name of the account"):
        check_password("My-Marie.Martin-2026", email=EMAIL)


@pytest.mark.parametrize("email", ["al@hospital.test", "@hospital.test", ""])
def test_a_very_short_account_name_forbids_no_word(email: str) -> None:
    check_password("always-a-good-alibi", email=email)


@pytest.mark.parametrize(
    ("seen_ago", "ends_in", "live"),
    [
        (timedelta(0), timedelta(hours=1), True),
        (IDLE - timedelta(seconds=1), timedelta(hours=1), True),
        (IDLE, timedelta(hours=1), False),
        (timedelta(0), timedelta(seconds=1), True),
        (timedelta(0), timedelta(0), False),
        (timedelta(0), timedelta(seconds=-1), False),
    ],
)
def test_a_log_in_holds_until_its_end_and_while_it_is_used(
    seen_ago: timedelta,
    ends_in: timedelta,
    live: bool,  # noqa: FBT001 - a table
) -> None:
    assert is_live(last_seen_at=NOW - seen_ago, expires_at=NOW + ends_in, idle=IDLE, now=NOW) is live


def test_every_role_has_a_word() -> None:
    assert set(ROLE_LABELS) == set(Role)
