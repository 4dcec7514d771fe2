"""What a scan turned out to be: the one answer type of the scanners.

A result always keeps the raw text, control characters included. It is one of five:

* ``ok``: one legal reading, in ``udi`` (or ``unit_number`` for our own label);
* ``ambiguous``: several legal readings, best first, in ``readings``; nothing is chosen (docs/decisions/0007);
* ``invalid``: a known standard, broken; ``fault`` says where and what was expected;
* ``patient``: the label of a patient, not of a device; goods-in refuses it and keeps nothing of it;
* ``unknown``: no standard known; the raw text may be searched in the catalogue.
"""

import enum
from dataclasses import dataclass, field
from datetime import date


class Status(enum.StrEnum):
    """Outcome of reading one scan. Values are stored and sent: a change needs a migration."""

    OK = "ok"
    AMBIGUOUS = "ambiguous"
    INVALID = "invalid"
    PATIENT = "patient"
    UNKNOWN = "unknown"


class Standard(enum.StrEnum):
    """Who defines the structure of the text. Values are stored and sent."""

    GS1 = "gs1"
    HIBC = "hibc"
    ICCBBA = "iccbba"
    IFA = "ifa"
    EAN = "ean"
    INS = "ins"
    UNIT = "unit"


class Precision(enum.StrEnum):
    """How much of a date the label carries; a month means its last day for an expiry."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Element:
    """One field as the label carries it: its identifier (``"01"``, ``"$$3"``, ``"9N"``) and its raw value."""

    identifier: str
    value: str


@dataclass(frozen=True, slots=True)
class Udi:
    """A unique device identifier: the device identifier and what is known of production. Absent fields are None."""

    udi_di: str | None = None
    """UDI-DI as its issuing entity writes it: GTIN-14 with leading zeros, LIC+PCN+U/M, PPN, processor product code."""
    lot: str | None = None
    serial: str | None = None
    expiration_date: date | None = None
    """Last day of use, printed calendar."""
    expiration_precision: Precision | None = None
    manufacture_date: date | None = None
    quantity: int | None = None
    software_version: str | None = None
    reference: str | None = None
    """Manufacturer's catalogue reference when the label carries it (GS1 AI 240 or 241)."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a text was refused.

    ``code`` is stable and lower-case with hyphens (``"check-digit"``, ``"date-impossible"``, ``"too-long"``);
    ``position`` counts characters of the raw text from 0, None where no place can be named;
    ``detail`` is one English sentence saying what was expected.
    """

    code: str
    position: int | None
    detail: str
    overridable: bool = False
    """A person may go on with a written reason (a wrong check digit); a broken structure may not be overridden."""


@dataclass(frozen=True, slots=True)
class PatientIdentity:
    """The traits of the French INS Datamatrix (ANS "Format datamatrix INS" v2.2). Never logged, never kept raw."""

    matricule: str
    oid: str
    birth_given_names: str
    birth_family_name: str
    sex: str
    birth_date: date | None
    birth_place_code: str | None


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan, read. See the module for what each status promises."""

    raw: str
    """The text as it arrived, control characters included; empty for a patient label, which is never kept."""
    status: Status
    standard: Standard | None = None
    symbology: str | None = None
    """AIM symbology identifier without the bracket (``"d2"``, ``"C1"``), when the reader sent one."""
    udi: Udi | None = None
    elements: tuple[Element, ...] = ()
    readings: tuple[Udi, ...] = ()
    """For ``ambiguous``: every legal reading, best first."""
    unit_number: str | None = None
    """Our own unit label: the number it carries, check digit proven."""
    patient: PatientIdentity | None = field(default=None, repr=False)
    fault: Fault | None = None
    """For ``invalid``: why it was refused. For ``ambiguous``: why nothing was chosen."""
    warnings: tuple[str, ...] = ()
    """Stable codes of what is odd but legal (``"expiry-far"``, ``"count-with-gtin"``)."""
    meant: str = ""
    """What the scanner meant, where the host wrote something else (``readers.wedge``); empty for a patient label."""

    @property
    def text(self) -> str:
        """Return the text that was read: what the scanner meant, or what arrived."""
        return self.meant or self.raw

    @property
    def content(self) -> str:
        """Return that text as a person would type it: no symbology identifier, no trailing CR, LF or TAB."""
        text = self.text.rstrip("\r\n\t")
        return text if self.symbology is None else text.removeprefix(f"]{self.symbology}")
