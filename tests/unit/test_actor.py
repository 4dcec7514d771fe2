"""Who may do what."""

from uuid import UUID

import pytest

from tests.hospital import ALICE, BOB, CHARLIE, DORA, ERIC, FANNY, HOSPITAL_A
from tracker.actor import PERMISSIONS_BY_ROLE, SYSTEM_ID, Permission, Role, permissions_of, system_actor
from tracker.errors import NotPermitted

CHANGING_VERBS = {"write", "open", "release", "deliver", "declare", "transmit", "manage", "withdraw"}


def test_every_role_has_its_permissions() -> None:
    assert set(PERMISSIONS_BY_ROLE) == set(Role)


def test_every_permission_is_somebodys() -> None:
    given = permissions_of(Role)

    assert given == frozenset(Permission)


def test_everybody_may_use_their_own_account() -> None:
    assert all(Permission.ACCOUNT_USE in permissions for permissions in PERMISSIONS_BY_ROLE.values())


def test_the_auditor_changes_nothing() -> None:
    verbs = {permission.partition(":")[2] for permission in PERMISSIONS_BY_ROLE[Role.AUDITOR]}

    assert not verbs & CHANGING_VERBS


def test_the_administrator_sees_no_patient() -> None:
    nouns = {permission.partition(":")[0] for permission in PERMISSIONS_BY_ROLE[Role.ADMINISTRATOR]}

    assert not nouns & {"patient", "consent", "use", "incident", "recall"}


@pytest.mark.parametrize(
    ("permission", "holders"),
    [
        (Permission.HOLD_RELEASE, {Role.PHARMACIST}),
        (Permission.DEROGATION_WRITE, {Role.PHARMACIST}),
        (Permission.RECEPTION_WRITE, {Role.PHARMACIST}),
        (Permission.INCIDENT_TRANSMIT, {Role.VIGILANCE_OFFICER}),
        (Permission.AUDIT_READ, {Role.AUDITOR}),
        (Permission.PERSON_MANAGE, {Role.ADMINISTRATOR}),
        (Permission.USE_WITHDRAW, {Role.PHARMACIST}),
        (Permission.USE_WRITE, {Role.SURGEON, Role.THEATRE_NURSE}),
        (Permission.CONSENT_WRITE, {Role.SURGEON, Role.THEATRE_NURSE}),
    ],
)
def test_a_permission_with_weight_is_held_by_these_roles_alone(permission: Permission, holders: set[Role]) -> None:
    assert {role for role, given in PERMISSIONS_BY_ROLE.items() if permission in given} == holders


def test_two_roles_give_what_either_gives() -> None:
    both = permissions_of({Role.PHARMACIST, Role.VIGILANCE_OFFICER})

    assert both == PERMISSIONS_BY_ROLE[Role.PHARMACIST] | PERMISSIONS_BY_ROLE[Role.VIGILANCE_OFFICER]


def test_no_role_gives_nothing() -> None:
    assert permissions_of([]) == frozenset()


def test_an_actor_without_the_permission_is_refused_by_its_name() -> None:
    with pytest.raises(NotPermitted) as refused:
        DORA.require(Permission.AUDIT_READ)

    assert refused.value.data == {"permission": "audit:read"}
    assert "(audit:read)" in str(refused.value)
    assert refused.value.next_step


def test_an_actor_with_the_permission_passes() -> None:
    FANNY.require(Permission.AUDIT_READ)

    assert FANNY.can(Permission.AUDIT_READ)
    assert not any(actor.can(Permission.AUDIT_READ) for actor in (ALICE, BOB, CHARLIE, DORA, ERIC))


def test_the_system_may_do_everything_in_one_establishment() -> None:
    system = system_actor(HOSPITAL_A)

    assert system.permissions == frozenset(Permission)
    assert system.establishment_id == HOSPITAL_A
    assert system.id == SYSTEM_ID == UUID(int=0)
