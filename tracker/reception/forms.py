"""What arrives at the bench, from a form to a box: scans, photos, typed entries."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from uuid import UUID

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField, FileField, HiddenField, IntegerField, SelectField, StringField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import Length, Optional

from scanners import Scan, Udi, scan
from scanners.assemble import SYMBOL_SEPARATOR, read_symbols
from scanners.combine import combine
from scanners.readers.reading import Corners, ImageReading, Symbol
from tracker.catalogue.queries import FoundDefinition
from tracker.catalogue.rules import DeviceKind
from tracker.errors import N_, InvalidInput
from tracker.workstations.rules import Capture, Reader

MAX_RAW_LENGTH = 5000
"""Characters of a scan that are looked at; the scanners refuse more than 4,096 and say so."""
PHOTO_SECONDS = 12.0
"""Longest time for one photo: the bench waits fifteen seconds for an answer."""


class PhotoUnread(InvalidInput):
    """No code of a device could be read in the photo."""

    code = "photo-unread"


@dataclass(frozen=True, slots=True)
class SeenSymbol:
    """One code of a photo, as a person finds it again on the box."""

    value: str
    """Its text as JSON, for a form field."""
    text: str
    format: str
    page: int
    page_size: tuple[int, int]
    """Width and height in pixels; zeros where they are not known."""
    corners: Corners


class PhotoDoubtful(InvalidInput):
    """The photo shows codes that cannot all be of one unit: a person says which of them are."""

    code = "photo-doubtful"

    def __init__(self, message: str, *, symbols: tuple[SeenSymbol, ...], next_step: str) -> None:
        super().__init__(message, fields={"photo": next_step}, next_step=next_step)
        self.symbols = symbols


def read_text(raw: str, *, today: date, group_separator_known: bool = False) -> Scan:
    """Read what a reader typed; of a keyboard reader nothing tells whether it passes group separators on."""
    return scan(raw[:MAX_RAW_LENGTH], reference_date=today, group_separator_known=group_separator_known)


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
    """Return what the codes of a photo or a PDF say of one unit; a patient's label goes before everything else.

    Raises:
        PhotoUnread: there is none.
        PhotoDoubtful: they cannot all be of one unit: a person has to choose.
    """
    reading = reader(content)
    if not reading.symbols:
        raise PhotoUnread(
            N_("No code could be read in the photo."),
            fields={"photo": N_("Take it again: closer, sharp, the code flat and well lit.")},
            next_step=N_("Take it again: closer, sharp, the code flat and well lit."),
        )
    found = read_symbols([symbol.wedge_text for symbol in reading.symbols], reference_date=today)
    if found is None:
        doubt = _doubtful(tuple([_seen(symbol, reading) for symbol in reading.symbols]))
        raise doubt
    return found


def read_chosen(sent: Sequence[str], *, today: date) -> Scan:
    """Return what the codes of a photo say that a person ticked.

    Args:
        sent: the text of each, as JSON: a form field holds no control characters.
        today: Paris calendar.

    Raises:
        PhotoUnread: one cannot be read again.
        PhotoDoubtful: they cannot be of one unit.
    """
    try:
        texts = [json.loads(one) for one in sent]
    except ValueError:
        texts = [None]
    if not all(isinstance(text, str) for text in texts):
        raise PhotoUnread(N_("No code could be read in the photo."), next_step=N_("Send the photo again."))
    found = read_symbols([text[:MAX_RAW_LENGTH] for text in texts], reference_date=today)
    if found is None:
        doubt = _doubtful(())
        raise doubt
    return found


def _doubtful(symbols: tuple[SeenSymbol, ...]) -> PhotoDoubtful:
    return PhotoDoubtful(
        N_("These codes cannot all be of one unit."),
        symbols=symbols,
        next_step=N_("Take one label at a time."),
    )


def _seen(symbol: Symbol, reading: ImageReading) -> SeenSymbol:
    size = reading.page_sizes[symbol.page - 1] if symbol.page <= len(reading.page_sizes) else (0, 0)
    return SeenSymbol(json.dumps(symbol.wedge_text), symbol.text, symbol.format, symbol.page, size, symbol.position)


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
    photo = FileField(_l("Photo of the label"))
    _kinds: Mapping[str, DeviceKind] = MappingProxyType({})

    def offer(self, definitions: Sequence[FoundDefinition]) -> None:
        """Offer the devices that carry the reference."""
        self._kinds = {str(one.id): one.kind for one in definitions}
        offered = [SelectChoice(str(one.id), f"{one.manufacturer_name} – {one.designation}") for one in definitions]
        self.definition.choices = [SelectChoice("", _l("Choose…")), *offered]

    @property
    def is_software(self) -> bool | None:
        """Test whether the device is software, whose version stands for lot and shelf life; None while nobody knows."""
        kinds = {self._kinds[self.definition.data]} if self.definition.data in self._kinds else {*self._kinds.values()}
        return DeviceKind.SOFTWARE in kinds if len(kinds) == 1 else None

    def find_unidentified(self, *, is_known: bool) -> dict[str, str]:
        """Return what is missing to tell one unit from another, by field: nothing where a code said it already."""
        typed = self.typed()
        if self.is_software and not typed.software_version and not is_known:
            return {"software_version": N_("This device is software: write its version.")}
        names = (typed.lot, typed.serial, None if self.is_software is False else typed.software_version)
        return {} if is_known or any(names) else {"lot": N_("Write the lot or the serial number.")}

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
