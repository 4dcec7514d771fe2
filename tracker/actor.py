"""Who acts, and what each role may do.

An :class:`Actor` is a value: the web layer, the worker and the commands make one, services ask it. Roles are those of a
French hospital (design, section 1); the map from role to permission is the whole of the access policy.
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from tracker.errors import N_, NotPermitted


class Role(enum.StrEnum):
    """A person's function in the establishment. Values are stored: a change needs a migration."""

    PHARMACIST = "pharmacist"
    SURGEON = "surgeon"
    THEATRE_NURSE = "theatre_nurse"
    VIGILANCE_OFFICER = "vigilance_officer"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


class Permission(enum.StrEnum):
    """One thing that may be done, as ``noun:verb``."""

    UNIT_READ = "unit:read"
    UNIT_CHECK = "unit:check"
    UNIT_DELIVER = "unit:deliver"
    UNIT_DISPOSE = "unit:dispose"
    STOCK_COUNT = "stock:count"
    COUNT_READ = "count:read"
    HOLD_OPEN = "hold:open"
    HOLD_RELEASE = "hold:release"
    RECEPTION_READ = "reception:read"
    RECEPTION_WRITE = "reception:write"
    DEFINITION_WRITE = "definition:write"
    DEROGATION_READ = "derogation:read"
    DEROGATION_WRITE = "derogation:write"
    REQUEST_READ = "request:read"
    REQUEST_WRITE = "request:write"
    REQUEST_SIGN = "request:sign"
    PATIENT_READ = "patient:read"
    PATIENT_WRITE = "patient:write"
    CONSENT_READ = "consent:read"
    CONSENT_WRITE = "consent:write"
    USE_READ = "use:read"
    USE_WRITE = "use:write"
    USE_WITHDRAW = "use:withdraw"
    RECAP_READ = "recap:read"
    RECAP_WRITE = "recap:write"
    INCIDENT_READ = "incident:read"
    INCIDENT_DECLARE = "incident:declare"
    INCIDENT_TRANSMIT = "incident:transmit"
    RECALL_READ = "recall:read"
    WARNING_READ = "warning:read"
    MESSAGE_READ = "message:read"
    AUDIT_READ = "audit:read"
    PERSON_MANAGE = "person:manage"
    ESTABLISHMENT_MANAGE = "establishment:manage"
    WORKSTATION_CALIBRATE = "workstation:calibrate"
    ACCOUNT_USE = "account:use"


_READ_DEVICES = {
    Permission.UNIT_READ,
    Permission.UNIT_CHECK,
    Permission.DEROGATION_READ,
    Permission.WARNING_READ,
    Permission.WORKSTATION_CALIBRATE,
}
_CARE = {
    Permission.PATIENT_READ,
    Permission.PATIENT_WRITE,
    Permission.CONSENT_READ,
    Permission.CONSENT_WRITE,
    Permission.USE_READ,
    Permission.USE_WRITE,
}

PERMISSIONS_BY_ROLE: dict[Role, frozenset[Permission]] = {
    Role.PHARMACIST: frozenset(
        _READ_DEVICES
        | {
            Permission.ACCOUNT_USE,
            Permission.UNIT_DELIVER,
            Permission.STOCK_COUNT,
            Permission.UNIT_DISPOSE,
            Permission.HOLD_OPEN,
            Permission.HOLD_RELEASE,
            Permission.COUNT_READ,
            Permission.RECEPTION_READ,
            Permission.RECEPTION_WRITE,
            Permission.DEFINITION_WRITE,
            Permission.DEROGATION_WRITE,
            Permission.REQUEST_READ,
            Permission.REQUEST_WRITE,
            Permission.PATIENT_READ,
            Permission.PATIENT_WRITE,
            Permission.CONSENT_READ,
            Permission.USE_READ,
            Permission.USE_WITHDRAW,
            Permission.RECAP_READ,
            Permission.RECAP_WRITE,
            Permission.INCIDENT_READ,
            Permission.INCIDENT_DECLARE,
            Permission.RECALL_READ,
            Permission.MESSAGE_READ,
        }
    ),
    Role.SURGEON: frozenset(
        _READ_DEVICES
        | _CARE
        | {
            Permission.ACCOUNT_USE,
            Permission.INCIDENT_DECLARE,
            Permission.REQUEST_READ,
            Permission.REQUEST_WRITE,
            Permission.REQUEST_SIGN,
        }
    ),
    Role.THEATRE_NURSE: frozenset(
        _READ_DEVICES
        | _CARE
        | {Permission.STOCK_COUNT, Permission.COUNT_READ, Permission.ACCOUNT_USE, Permission.INCIDENT_DECLARE}
    ),
    Role.VIGILANCE_OFFICER: frozenset(
        _READ_DEVICES
        | {
            Permission.ACCOUNT_USE,
            Permission.UNIT_DISPOSE,
            Permission.HOLD_OPEN,
            Permission.RECEPTION_READ,
            Permission.COUNT_READ,
            Permission.REQUEST_READ,
            Permission.PATIENT_READ,
            Permission.CONSENT_READ,
            Permission.USE_READ,
            Permission.RECAP_READ,
            Permission.INCIDENT_READ,
            Permission.INCIDENT_DECLARE,
            Permission.INCIDENT_TRANSMIT,
            Permission.RECALL_READ,
            Permission.MESSAGE_READ,
        }
    ),
    Role.ADMINISTRATOR: frozenset(
        {
            Permission.ACCOUNT_USE,
            Permission.PERSON_MANAGE,
            Permission.ESTABLISHMENT_MANAGE,
            Permission.WORKSTATION_CALIBRATE,
            Permission.MESSAGE_READ,
            Permission.WARNING_READ,
        }
    ),
    Role.AUDITOR: frozenset(
        {
            Permission.ACCOUNT_USE,
            Permission.UNIT_READ,
            Permission.RECEPTION_READ,
            Permission.COUNT_READ,
            Permission.DEROGATION_READ,
            Permission.REQUEST_READ,
            Permission.CONSENT_READ,
            Permission.PATIENT_READ,
            Permission.USE_READ,
            Permission.RECAP_READ,
            Permission.INCIDENT_READ,
            Permission.RECALL_READ,
            Permission.WARNING_READ,
            Permission.MESSAGE_READ,
            Permission.AUDIT_READ,
        }
    ),
}
"""The access policy. The auditor reads everything that was recorded and changes nothing but their own account."""


class TokenTooNarrow(NotPermitted):
    """The person may do it, the token that was sent in their name may not."""

    code = "token-scope-too-narrow"


@dataclass(frozen=True, slots=True)
class Actor:
    """The person or the program that acts, in one establishment."""

    id: UUID
    display_name: str
    establishment_id: UUID
    roles: frozenset[Role]
    permissions: frozenset[Permission]
    withheld: frozenset[Permission] = frozenset()
    """What the roles would give and the scope of the token that was sent does not."""

    def can(self, permission: Permission) -> bool:
        """Test whether the actor holds a permission."""
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        """Check a permission.

        Raises:
            TokenTooNarrow: the roles would give it, the scope of the token does not.
            NotPermitted: the actor does not hold it.
        """
        if permission in self.withheld:
            raise TokenTooNarrow(
                N_("The scope of this token does not allow this action (%(permission)s); your role does."),
                next_step=N_("Make a token with a wider scope on the page of your account, and send that one."),
                permission=str(permission),
            )
        if permission not in self.permissions:
            raise NotPermitted(
                N_("Your role does not allow this action (%(permission)s)."),
                next_step=N_("Ask a colleague who may, or the administrator for the right."),
                permission=str(permission),
            )


def permissions_of(roles: Iterable[Role]) -> frozenset[Permission]:
    """Return all permissions that any of the roles gives."""
    return frozenset().union(*(PERMISSIONS_BY_ROLE[role] for role in roles))


SYSTEM_ID = UUID(int=0)
"""Actor of what no person started: the scheduler and the loading commands."""
SYSTEM_NAME = N_("system")
"""Stored with what it does, where a person's name would stand; translated when shown."""


def system_actor(establishment_id: UUID) -> Actor:
    """Return the actor for work that runs by itself: it may do everything, and the trail names it as the system."""
    return Actor(
        id=SYSTEM_ID,
        display_name=SYSTEM_NAME,
        establishment_id=establishment_id,
        roles=frozenset(),
        permissions=frozenset(Permission),
    )
