"""What an establishment, a ward and a recipient must say. Pure."""

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tracker.errors import N_, Conflict, InvalidInput

LONGEST_MAIL_ADDRESS = 254
"""RFC 5321 section 4.5.3.1.3: a path of 256 octets, with its angle brackets."""
_MAIL_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_FINESS = re.compile(r"[0-9][0-9A-Z][0-9]{7}")
"""Pattern of the ANS; the key of Corsican numbers is not known, so none is checked (domain reference 5.3)."""
_LONGEST = 500


class RecipientPurpose(enum.StrEnum):
    """What a recipient's address is for. Stored: a change needs a migration."""

    DEROGATION_WARNING = "derogation_warning"
    INCIDENT_COPY = "incident_copy"
    VIGILANCE_WARNING = "vigilance_warning"


PURPOSE_LABELS: Mapping[RecipientPurpose, str] = {
    RecipientPurpose.DEROGATION_WARNING: N_("Derogations that end, operations planned after the end"),
    RecipientPurpose.INCIDENT_COPY: N_("Copy of incident reports, without any patient data"),
    RecipientPurpose.VIGILANCE_WARNING: N_("Acknowledgements of incident reports that are late"),
}


class EstablishmentInvalid(InvalidInput):
    """Data of the establishment is missing or odd; nothing was changed."""

    code = "establishment-invalid"


class WardInvalid(InvalidInput):
    """A ward has no code or no name; nothing was changed."""

    code = "ward-invalid"


class RecipientInvalid(InvalidInput):
    """Not an address that every mail server can deliver to; nothing was changed."""

    code = "recipient-invalid"


class WardCodeTaken(Conflict):
    """Another ward of the establishment has this code."""

    code = "ward-code-taken"


class WardClosed(Conflict):
    """The ward is closed: nothing is delivered to it."""

    code = "ward-closed"


class RecipientKnown(Conflict):
    """The address is already a recipient for this purpose."""

    code = "recipient-known"


@dataclass(frozen=True, slots=True)
class EstablishmentData:
    """What is printed and sent of an establishment."""

    name: str
    finess: str
    address: str
    phone: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class WardData:
    """A ward or theatre."""

    code: str
    name: str
    is_active: bool = True


def is_mail_address(text: str) -> bool:
    """Test whether a text is one plain ASCII address (RFC 5321 section 4.1.2, dot-string form).

    >>> is_mail_address("pharmacie@chu.example"), is_mail_address("a@b@c"), is_mail_address("Pharmacie <a@b.example>")
    (True, False, False)
    """
    return len(text) <= LONGEST_MAIL_ADDRESS and _MAIL_ADDRESS.fullmatch(text) is not None


def check_establishment(data: EstablishmentData) -> EstablishmentData:
    """Return the data without outer spaces.

    Raises:
        EstablishmentInvalid: each field that is missing or odd is named.
    """
    kept = EstablishmentData(
        name=data.name.strip(),
        finess=data.finess.strip().upper(),
        address=data.address.strip(),
        phone=data.phone.strip(),
        email=data.email.strip(),
    )
    fields = {
        name: N_("Write it: it is printed on every paper.") for name in ("name", "address") if not getattr(kept, name)
    }
    fields |= {
        name: N_("This is too long.") for name in ("name", "address", "phone") if len(getattr(kept, name)) > _LONGEST
    }
    if not _FINESS.fullmatch(kept.finess):
        fields["finess"] = N_("A FINESS number has nine characters, for example 750000001.")
    if kept.email and not is_mail_address(kept.email):
        fields["email"] = N_("This is not an e-mail address.")
    if fields:
        raise EstablishmentInvalid(
            N_("The data of the establishment is not complete. Nothing was changed."),
            fields=fields,
            next_step=N_("Correct the fields named below; what you typed is kept."),
        )
    return kept


def _too_long(**texts: str) -> dict[str, str]:
    return {name: N_("This is too long.") for name, text in texts.items() if len(text) > _LONGEST}


def check_ward(data: WardData) -> WardData:
    """Return the ward without outer spaces.

    Raises:
        WardInvalid: each field that is missing or too long is named.
    """
    kept = WardData(" ".join(data.code.split()), " ".join(data.name.split()), data.is_active)
    fields = _too_long(code=kept.code, name=kept.name)
    fields |= {name: N_("Write it.") for name in ("code", "name") if not getattr(kept, name)}
    if fields:
        raise WardInvalid(
            N_("The ward is not complete. Nothing was changed."),
            fields=fields,
            next_step=N_("Correct the fields named below; what you typed is kept."),
        )
    return kept


def check_recipient(email: str) -> str:
    """Return an address without outer spaces.

    Raises:
        RecipientInvalid: it is none.
    """
    if not is_mail_address(email.strip()):
        raise RecipientInvalid(
            N_("This is not an e-mail address."),
            fields={"email": N_("Write one plain address, name@domain.")},
            next_step=N_("Correct the address, then start again."),
        )
    return email.strip()
