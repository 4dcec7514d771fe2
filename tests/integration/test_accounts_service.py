"""People, log-ins and tokens: what holds, what ends it, and who is slowed down."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from sqlalchemy import event, func, select, text

from tests.hospital import ALICE, BOB, ERIC, FANNY, GUY, HOSPITAL_A, HOSPITAL_B, NOW, PASSWORD, email_of
from tracker import db
from tracker.accounts import queries, rules, service
from tracker.accounts.models import LoginFailure, LoginSession, Person
from tracker.accounts.rules import FAILURE_WINDOW, MAX_FAILURES, PasswordRefused, PasswordWrong, SessionPolicy
from tracker.accounts.service import EmailTaken, LoginThrottled, NewPerson, PersonDiffers
from tracker.actor import Actor, Role
from tracker.audit import queries as audit
from tracker.db import Database, Session, authentication, transaction
from tracker.errors import Conflict, InvalidInput, NotPermitted

POLICY = SessionPolicy(idle=timedelta(minutes=30), longest=timedelta(hours=12))
OTHER_PASSWORD = "a quite different sentence"
HENRI = NewPerson(
    email="Henri@Hospital.test ",
    family_name="Petit",
    given_name="Henri",
    roles=frozenset({Role.SURGEON}),
    password=OTHER_PASSWORD,
)


def try_log_in(database: Database, email: str, password: str = PASSWORD, *, now: datetime = NOW) -> Person | None:
    with authentication(database) as session:
        return service.try_password(session, email=email, password=password, now=now).person


def log_in(database: Database, actor: Actor, *, now: datetime = NOW) -> str:
    with transaction(database, actor.establishment_id) as session:
        return service.open_session(session, actor=actor, policy=POLICY, user_agent="tests", now=now)


def who(database: Database, *, cookie: str | None = None, bearer: str | None = None, now: datetime = NOW) -> str | None:
    with authentication(database) as session:
        found = service.find_credentials(session, cookie=cookie, bearer=bearer, policy=POLICY, now=now)
    return found.actor.display_name if found else None


def make_token(database: Database, actor: Actor, *, days: int = 90) -> str:
    with transaction(database, actor.establishment_id) as session:
        lifetime = timedelta(days=days)
        return service.create_token(session, name="scanner", lifetime=lifetime, actor=actor, now=NOW)[1]


def acts(session: Session) -> list[str]:
    return [entry.action for entry in audit.list_entries(session, HOSPITAL_A)]


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(*args: object) -> None:
        statements.append(str(args[2]))

    event.listen(database.login_engine, "before_cursor_execute", note)
    yield statements
    event.remove(database.login_engine, "before_cursor_execute", note)


def test_the_right_password_names_the_person_of_any_establishment(database: Database) -> None:
    found = [try_log_in(database, email_of(actor)) for actor in (ALICE, GUY)]

    assert [person.id for person in found if person] == [ALICE.id, GUY.id]


def test_case_and_outer_spaces_of_the_address_do_not_count(database: Database) -> None:
    person = try_log_in(database, "  ALICE@hospital.test ")

    assert person is not None


@pytest.mark.parametrize(
    ("email", "password"),
    [
        (email_of(ALICE), "wrong"),
        (email_of(ALICE), ""),
        (email_of(ALICE), PASSWORD + "x"),
        ("nobody@hospital.test", PASSWORD),
        ("", ""),
    ],
)
def test_a_wrong_address_or_password_names_nobody_and_is_counted(database: Database, email: str, password: str) -> None:
    person = try_log_in(database, email, password)

    assert person is None
    with transaction(database, None) as session:
        assert session.scalar(select(func.count()).select_from(LoginFailure)) == 1


def test_a_closed_account_does_not_log_in(database: Database) -> None:
    with transaction(database, HOSPITAL_A) as session:
        service.change_roles(session, ALICE.id, roles=ALICE.roles, is_active=False, actor=ERIC, now=NOW)

    assert try_log_in(database, email_of(ALICE)) is None


def test_after_too_many_failures_even_the_right_password_waits(database: Database) -> None:
    for _attempt in range(MAX_FAILURES):
        try_log_in(database, email_of(ALICE), "wrong")

    with pytest.raises(LoginThrottled):
        try_log_in(database, email_of(ALICE))

    assert try_log_in(database, email_of(BOB)) is not None
    assert try_log_in(database, email_of(ALICE), now=NOW + FAILURE_WINDOW) is not None


def test_an_address_that_does_not_exist_is_slowed_down_like_one_that_does(database: Database) -> None:
    for _attempt in range(MAX_FAILURES):
        try_log_in(database, "nobody@hospital.test", "wrong")

    with pytest.raises(LoginThrottled):
        try_log_in(database, "nobody@hospital.test", "wrong")


def test_a_log_in_forgets_the_failures_before_it(database: Database) -> None:
    for _attempt in range(MAX_FAILURES - 1):
        try_log_in(database, email_of(ALICE), "wrong")
    try_log_in(database, email_of(ALICE))

    for _attempt in range(MAX_FAILURES - 1):
        try_log_in(database, email_of(ALICE), "wrong")

    assert try_log_in(database, email_of(ALICE)) is not None


def test_old_failures_are_forgotten(database: Database) -> None:
    try_log_in(database, "nobody@hospital.test", "wrong")

    try_log_in(database, email_of(ALICE), "wrong", now=NOW + FAILURE_WINDOW)

    with transaction(database, None) as session:
        assert session.scalars(select(LoginFailure.at)).all() == [NOW + FAILURE_WINDOW]


def test_a_failure_keeps_no_address(database: Database) -> None:
    try_log_in(database, "nobody@hospital.test", "wrong")

    with transaction(database, None) as session:
        kept = session.scalar(text("select login_failure::text from login_failure"))

    assert kept is not None
    assert "nobody" not in kept


def test_a_log_in_holds_and_is_told_by_the_trail(database: Database) -> None:
    cookie = log_in(database, ALICE)

    assert who(database, cookie=cookie) == "Alice Test"
    with transaction(database, HOSPITAL_A) as session:
        assert acts(session) == ["person:logged-in"]


def test_the_database_never_holds_a_cookie_or_a_token(database: Database) -> None:
    cookie, secret = log_in(database, ALICE), make_token(database, ALICE)

    with transaction(database, HOSPITAL_A) as session:
        kept = session.scalars(text("select login_session::text from login_session"))
        rows = [*kept, *session.scalars(text("select api_token::text from api_token"))]

    assert len(rows) == 2
    assert not [row for row in rows if cookie in row or secret in row]


@pytest.mark.parametrize("cookie", ["", "forged", "' or true --"])
def test_a_cookie_that_was_never_given_stands_for_nobody(database: Database, cookie: str) -> None:
    log_in(database, ALICE)

    assert who(database, cookie=cookie) is None


def test_a_log_in_ends_when_nobody_uses_it(database: Database) -> None:
    cookie = log_in(database, ALICE)

    assert who(database, cookie=cookie, now=NOW + POLICY.idle) is None


def test_a_log_in_in_use_holds_until_the_shift_is_over(database: Database) -> None:
    cookie = log_in(database, ALICE)

    step, now = POLICY.idle - timedelta(minutes=1), NOW
    while now + step < NOW + POLICY.longest:
        now += step
        assert who(database, cookie=cookie, now=now) == "Alice Test"

    assert who(database, cookie=cookie, now=NOW + POLICY.longest) is None


def test_a_revoked_log_in_ends_at_once_and_no_other(database: Database) -> None:
    ended, other = log_in(database, ALICE), log_in(database, ALICE)
    with transaction(database, HOSPITAL_A) as session:
        row = session.scalars(select(LoginSession).where(LoginSession.token_hash == service.hash_token(ended))).one()
        service.revoke_session(session, row.id, actor=ALICE, now=NOW)

    assert who(database, cookie=ended) is None
    assert who(database, cookie=other) == "Alice Test"


def test_nobody_ends_the_log_in_of_another(database: Database) -> None:
    cookie = log_in(database, ALICE)
    with transaction(database, HOSPITAL_A) as session:
        (row,) = queries.list_sessions(session, ALICE.id, policy=POLICY, now=NOW)

    for actor in (BOB, ERIC):
        with transaction(database, HOSPITAL_A) as session, pytest.raises(queries.SessionNotFound):
            service.revoke_session(session, row.id, actor=actor, now=NOW)
    with transaction(database, HOSPITAL_B) as session, pytest.raises(queries.SessionNotFound):
        service.revoke_session(session, row.id, actor=GUY, now=NOW)

    assert who(database, cookie=cookie) == "Alice Test"


def test_log_ins_that_ended_are_not_listed(database: Database) -> None:
    log_in(database, ALICE)
    log_in(database, ALICE, now=NOW + timedelta(minutes=20))

    with transaction(database, HOSPITAL_A) as session:
        later = queries.list_sessions(session, ALICE.id, policy=POLICY, now=NOW + timedelta(minutes=40))

    assert [row.created_at for row in later] == [NOW + timedelta(minutes=20)]


def test_closing_an_account_ends_its_log_ins_and_tokens_at_once(database: Database) -> None:
    cookie, secret = log_in(database, ALICE), make_token(database, ALICE)

    with transaction(database, HOSPITAL_A) as session:
        service.change_roles(session, ALICE.id, roles=ALICE.roles, is_active=False, actor=ERIC, now=NOW)
    with transaction(database, HOSPITAL_A) as session:
        service.change_roles(session, ALICE.id, roles=ALICE.roles, is_active=True, actor=ERIC, now=NOW)

    assert who(database, cookie=cookie) is None
    assert who(database, bearer=secret) is None


def test_a_new_role_counts_from_the_next_request(database: Database) -> None:
    cookie = log_in(database, ALICE)

    with transaction(database, HOSPITAL_A) as session:
        service.change_roles(session, ALICE.id, roles=frozenset({Role.AUDITOR}), is_active=True, actor=ERIC, now=NOW)

    with authentication(database) as session:
        found = service.find_credentials(session, cookie=cookie, bearer=None, policy=POLICY, now=NOW)
    assert found is not None
    assert found.actor.roles == {Role.AUDITOR}
    assert found.actor.permissions == FANNY.permissions


def test_a_token_acts_as_its_owner_until_its_end(database: Database) -> None:
    secret = make_token(database, ALICE, days=1)

    assert who(database, bearer=secret) == "Alice Test"
    assert who(database, bearer=secret, now=NOW + timedelta(days=1)) is None
    assert who(database, bearer=secret + "x") is None


def test_a_revoked_token_ends_at_once(database: Database) -> None:
    secret = make_token(database, ALICE)
    with transaction(database, HOSPITAL_A) as session:
        (token,) = queries.list_tokens(session, ALICE.id, now=NOW)
        service.revoke_token(session, token.id, actor=ALICE, now=NOW)

    assert who(database, bearer=secret) is None


def test_nobody_revokes_the_token_of_another(database: Database) -> None:
    make_token(database, ALICE)
    with transaction(database, HOSPITAL_A) as session:
        (token,) = queries.list_tokens(session, ALICE.id, now=NOW)

        with pytest.raises(queries.SessionNotFound):
            service.revoke_token(session, token.id, actor=ERIC, now=NOW)


def test_a_wrong_token_is_not_helped_by_a_good_cookie(database: Database) -> None:
    cookie = log_in(database, ALICE)

    assert who(database, cookie=cookie, bearer="forged") is None


@pytest.mark.parametrize(("name", "days"), [("", 90), ("  ", 90), ("scanner", 0), ("scanner", -1), ("scanner", 367)])
def test_a_token_without_name_or_with_an_odd_lifetime_is_refused(session: Session, name: str, days: int) -> None:
    with pytest.raises(InvalidInput):
        service.create_token(session, name=name, lifetime=timedelta(days=days), actor=ALICE, now=NOW)

    assert acts(session) == []


@pytest.mark.parametrize("kind", ["cookie", "bearer"])
def test_a_request_is_identified_in_one_statement(database: Database, kind: str) -> None:
    secret = log_in(database, ALICE) if kind == "cookie" else make_token(database, ALICE)

    with counted(database) as statements, authentication(database) as session:
        service.find_credentials(
            session,
            cookie=secret if kind == "cookie" else None,
            bearer=secret if kind == "bearer" else None,
            policy=POLICY,
            now=NOW + rules.LAST_SEEN_STEP,
        )

    assert len(statements) == 1


def test_a_request_after_a_minute_also_notes_that_it_was_there(database: Database) -> None:
    cookie, later = log_in(database, ALICE), NOW + timedelta(minutes=2)

    who(database, cookie=cookie, now=later)

    with transaction(database, HOSPITAL_A) as session:
        assert session.scalar(select(LoginSession.last_seen_at)) == later


def test_the_administrator_opens_an_account(database: Database) -> None:
    with transaction(database, HOSPITAL_A) as session:
        person = service.create_person(session, db.new_id(), new=HENRI, actor=ERIC, now=NOW)
        told = audit.list_entries(session, HOSPITAL_A)

    assert (person.email, person.display_name, person.roles) == ("henri@hospital.test", "Henri Petit", [Role.SURGEON])
    assert person.password_hash.startswith("$argon2id$")
    assert [(entry.action, entry.details) for entry in told] == [("person:created", {"roles": "surgeon"})]
    assert try_log_in(database, "henri@hospital.test", OTHER_PASSWORD) is not None


def test_the_same_request_again_opens_no_second_account(session: Session) -> None:
    person_id = db.new_id()
    first = service.create_person(session, person_id, new=HENRI, actor=ERIC, now=NOW)

    second = service.create_person(session, person_id, new=HENRI, actor=ERIC, now=NOW)

    assert second is first
    assert acts(session) == ["person:created"]


def test_the_same_request_with_another_address_is_refused(session: Session) -> None:
    person_id = db.new_id()
    service.create_person(session, person_id, new=HENRI, actor=ERIC, now=NOW)
    other = NewPerson("ida@hospital.test", "Petit", "Ida", frozenset({Role.SURGEON}), OTHER_PASSWORD)

    with pytest.raises(PersonDiffers):
        service.create_person(session, person_id, new=other, actor=ERIC, now=NOW)


@pytest.mark.parametrize("taken", [ALICE, GUY], ids=["here", "in another establishment"])
def test_an_address_that_is_taken_anywhere_is_refused(session: Session, taken: Actor) -> None:
    new = NewPerson(email_of(taken).upper(), "Petit", "Ida", frozenset({Role.SURGEON}), OTHER_PASSWORD)

    with pytest.raises(EmailTaken):
        service.create_person(session, db.new_id(), new=new, actor=ERIC, now=NOW)

    assert acts(session) == []


def test_an_account_without_a_role_or_with_a_weak_password_is_refused(session: Session) -> None:
    weak = NewPerson("ida@hospital.test", "Petit", "Ida", frozenset({Role.SURGEON}), "short")
    none = NewPerson("ida@hospital.test", "Petit", "Ida", frozenset(), OTHER_PASSWORD)

    with pytest.raises(PasswordRefused):
        service.create_person(session, db.new_id(), new=weak, actor=ERIC, now=NOW)
    with pytest.raises(InvalidInput, match="role"):
        service.create_person(session, db.new_id(), new=none, actor=ERIC, now=NOW)

    assert acts(session) == []


def test_only_the_administrator_changes_accounts(session: Session) -> None:
    for actor in (ALICE, BOB, FANNY):
        with pytest.raises(NotPermitted):
            service.create_person(session, db.new_id(), new=HENRI, actor=actor, now=NOW)
        with pytest.raises(NotPermitted):
            service.change_roles(session, BOB.id, roles=BOB.roles, is_active=True, actor=actor, now=NOW)
        with pytest.raises(NotPermitted):
            service.reset_password(session, actor.id, password=OTHER_PASSWORD, actor=actor, now=NOW)

    assert acts(session) == []


@pytest.mark.parametrize(
    ("roles", "is_active"), [(frozenset({Role.AUDITOR}), True), (frozenset({Role.ADMINISTRATOR}), False)]
)
def test_an_administrator_does_not_take_their_own_right(
    session: Session,
    roles: frozenset[Role],
    is_active: bool,  # noqa: FBT001 - a table
) -> None:
    with pytest.raises(Conflict, match="your own"):
        service.change_roles(session, ERIC.id, roles=roles, is_active=is_active, actor=ERIC, now=NOW)


def test_a_new_password_ends_every_log_in_and_token(database: Database) -> None:
    cookie, secret = log_in(database, ALICE), make_token(database, ALICE)

    with transaction(database, HOSPITAL_A) as session:
        service.reset_password(session, ALICE.id, password=OTHER_PASSWORD, actor=ERIC, now=NOW)

    assert (who(database, cookie=cookie), who(database, bearer=secret)) == (None, None)
    assert try_log_in(database, email_of(ALICE)) is None
    assert try_log_in(database, email_of(ALICE), OTHER_PASSWORD) is not None


def test_a_person_changes_their_own_password_knowing_the_present_one(database: Database) -> None:
    with transaction(database, HOSPITAL_A) as session:
        service.change_password(session, present=PASSWORD, password=OTHER_PASSWORD, actor=ALICE, now=NOW)

    assert try_log_in(database, email_of(ALICE), OTHER_PASSWORD) is not None
    with transaction(database, HOSPITAL_A) as session:
        assert acts(session) == ["person:password-changed"]


def test_whoever_finds_an_open_screen_changes_no_password(session: Session) -> None:
    with pytest.raises(PasswordWrong):
        service.change_password(session, present="guess", password=OTHER_PASSWORD, actor=ALICE, now=NOW)

    assert acts(session) == []


def test_people_with_a_role_are_the_active_ones_of_this_establishment(session: Session) -> None:
    service.change_roles(session, BOB.id, roles=frozenset({Role.PHARMACIST}), is_active=False, actor=ERIC, now=NOW)

    assert [person.id for person in queries.list_people_with_role(session, Role.PHARMACIST)] == [ALICE.id]


def test_who_is_recorded_as_operator_may_be_chosen_again_once_and_surgeon_or_not(session: Session) -> None:
    surgeons = [person.id for person in queries.list_operators(session, recorded_id=None)]

    again = [person.id for person in queries.list_operators(session, recorded_id=surgeons[0])]
    with_another = [person.id for person in queries.list_operators(session, recorded_id=ALICE.id)]

    assert again == surgeons
    assert with_another == [*surgeons, ALICE.id]


def test_people_are_listed_by_name(session: Session) -> None:
    names = [person.given_name for person in queries.list_people(session)]

    assert names == ["Alice", "Bob", "Charlie", "Dora", "Eric", "Fanny"]


def test_a_person_of_another_establishment_is_not_found(session: Session) -> None:
    with pytest.raises(queries.PersonNotFound):
        queries.get_person(session, GUY.id)


def test_guesses_at_once_are_looked_at_no_more_often_than_one_after_the_other(database: Database) -> None:
    looked_at: list[bool] = []
    gate = threading.Barrier(12)

    def guess(number: int) -> None:
        gate.wait()
        try:
            with authentication(database) as session:
                service.try_password(session, email=email_of(ALICE), password=f"guess number {number}", now=NOW)
        except LoginThrottled:
            return
        looked_at.append(True)

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(looked_at) <= MAX_FAILURES
