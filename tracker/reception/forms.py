"""What arrives at the bench, from a form to a box: scans, photos, typed entries."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from uuid import UUID

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField, HiddenField, IntegerField, SelectField, StringField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import Length, Optional

from scanners import Scan, Status, Udi, scan
from scanners.combine import combine
from scanners.readers.reading import ImageReading
from scanners.udi.symbology import GS1
from tracker.catalogue.queries import FoundDefinition
from tracker.errors import N_, InvalidInput
from tracker.workstations.rules import Capture, Reader

MAX_RAW_LENGTH = 5000
"""Characters of a scan that are looked at; the scanners refuse more than 4,096 and say so."""
PHOTO_SECONDS = 12.0
"""Longest time for one photo: the bench waits fifteen seconds for an answer."""


class PhotoUnread(InvalidInput):
    """No code of a device could be read in the photo."""

    code = "photo-unread"


class PhotoDoubtful(InvalidInput):
    """The photo shows several codes that name different things: a person has to choose one."""

    code = "photo-doubtful"


def read_text(raw: str, *, today: date, group_separator_known: bool = False) -> Scan:
    """Read what a reader typed; of a keyboard reader nothing tells whether it passes group separators on."""
    return scan(raw[:MAX_RAW_LENGTH], reference_date=today, group_separator_known=group_separator_known)


SYMBOL_SEPARATOR = "\n"
"""Between the texts of two symbols of one unit; no reader sends it inside one symbol."""


def read_label(reader: Reader, text: str, *, today: date, keyed: str = "") -> Capture:
    """Read the text of one symbol, or of the two symbols of one unit, in either order.

    The physical keys are those of the last symbol.
    """
    first, separator, second = text.partition(SYMBOL_SEPARATOR)
    if not (separator and first.strip() and second.strip()):
        return reader.read(text, today=today, keyed=keyed)
    last = reader.read(second, today=today, keyed=keyed)
    return replace(last, scan=combine(reader.read(first, today=today).scan, last.scan))


def read_photo(content: bytes, *, today: date, reader: Callable[[bytes], ImageReading]) -> Scan:
    """Return the one code of a device that a photo shows; the label of a patient goes before everything else.

    Raises:
        PhotoUnread: there is none.
        PhotoDoubtful: there are several that name different things.
    """
    reading = reader(content)
    scans = [
        scan(symbol.wedge_text, reference_date=today, group_separator_known=symbol.symbology in GS1)
        for symbol in reading.symbols
    ]
    patient = next((read for read in scans if read.status is Status.PATIENT), None)
    if patient is not None:
        return patient
    distinct = list(
        {(read.udi, read.unit_number, read.raw if read.udi is None else ""): read for read in scans}.values()
    )
    known = [read for read in distinct if read.status is not Status.UNKNOWN] or distinct
    if not known:
        raise PhotoUnread(
            N_("No code could be read in the photo."),
            fields={"photo": N_("Take it again: closer, sharp, the code flat and well lit.")},
            next_step=N_("Take it again: closer, sharp, the code flat and well lit."),
        )
    if len(known) > 1:
        raise PhotoDoubtful(
            N_("The photo shows several codes that name different things."),
            fields={"photo": N_("Take one code at a time.")},
            next_step=N_("Take one code at a time."),
        )
    return known[0]


class EntryForm(FlaskForm):
    """A box entered by hand, or the completion of a scan."""

    request_id = HiddenField()
    from_line = HiddenField()
    reference = StringField(_l("Manufacturer's reference"), validators=[Length(max=100)])
    definition = SelectField(_l("Manufacturer"), validators=[Optional()], choices=[])
    lot = StringField(_l("Lot"), validators=[Length(max=100)])
    serial = StringField(_l("Serial number"), validators=[Length(max=100)])
    expiration_date = DateField(_l("Last day of use"), validators=[Optional()])
    software_version = StringField(_l("Software version"), validators=[Length(max=100)])
    count = IntegerField(_l("How many identical units"), validators=[Optional()])

    def offer(self, definitions: Iterable[FoundDefinition]) -> None:
        """Offer the devices that carry the reference."""
        offered = [SelectChoice(str(one.id), f"{one.manufacturer_name} – {one.designation}") for one in definitions]
        self.definition.choices = [SelectChoice("", _l("Choose…")), *offered]

    def is_choice_missing(self) -> bool:
        """Test whether several devices carry the reference and none was chosen."""
        return len(self.definition.choices or ()) > 2 and not self.definition.data  # noqa: PLR2004 - "Choose…" and one

    def typed(self) -> Udi:
        """Return what a person read on the box."""
        return Udi(
            reference=_text(self.reference.data) or None,
            lot=_text(self.lot.data) or None,
            serial=_text(self.serial.data) or None,
            expiration_date=self.expiration_date.data,
            software_version=_text(self.software_version.data) or None,
        )

    def chosen(self) -> UUID | None:
        """Return the device that was chosen among several, or None."""
        return UUID(self.definition.data) if self.definition.data else None


def _text(value: str | None) -> str:
    """Return a typed text in one piece: control characters become spaces, as no label carries them."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in value or "").strip()
