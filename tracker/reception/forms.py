"""What is typed at the bench."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from uuid import UUID

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField, FileField, HiddenField, IntegerField, SelectField, StringField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import Length, Optional

from scanners import Udi
from tracker.catalogue.queries import FoundDefinition
from tracker.catalogue.rules import DeviceKind
from tracker.errors import N_


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
