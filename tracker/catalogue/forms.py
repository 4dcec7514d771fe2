"""Forms of the catalogue."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from uuid import UUID

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import EmailField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import DataRequired, Email, Length, Optional

from tracker.catalogue.models import Manufacturer
from tracker.catalogue.queries import FoundDefinition
from tracker.catalogue.rules import (
    KIND_LABELS,
    DefinitionFacts,
    DeviceKind,
    NewDefinition,
    NewManufacturer,
    read_udi_di,
)
from tracker.errors import N_, InvalidInput

CHOOSE = SelectChoice("", _l("Choose…"))


def one_line(text: str | None) -> str:
    """Return a typed text without outer spaces and without anything unprintable."""
    return "".join(c if c.isprintable() else " " for c in text or "").strip()


def words(field: StringField) -> str:
    """Return what was written in a field, without outer spaces and without NUL, which no database keeps."""
    return (field.data or "").replace("\x00", "").strip()


class UdiDiUnreadable(InvalidInput):
    """What was given as a UDI-DI is the label of something else, or broken."""

    code = "udi-di-unreadable"


def read_udi_dis(text: str | None, *, today: date) -> tuple[str, ...]:
    """Return the UDI-DIs of a field, one per line; each may be scanned from a box, or typed.

    Raises:
        UdiDiUnreadable: a line is the label of a patient or of a unit, or has a wrong check digit.
    """
    return tuple(dict.fromkeys(_udi_di(line, today) for line in (text or "").splitlines() if line.strip()))


def _udi_di(line: str, today: date) -> str:
    found = read_udi_di(line.strip(), today=today)
    if found is not None:
        return found
    raise UdiDiUnreadable(
        N_("This UDI-DI cannot be read."),
        fields={"udi_di": N_("Scan the box again, or compare the digits with the print.")},
    )


class ManufacturerForm(FlaskForm):
    """A new manufacturer."""

    request_id = HiddenField()
    name = StringField(_l("Name"), validators=[DataRequired(_l("Write the name.")), Length(max=200)])
    address = TextAreaField(_l("Address"), validators=[Length(max=500)])
    website = StringField(_l("Website"), validators=[Length(max=200)])
    vigilance_email = EmailField(
        _l("Address for vigilance"), validators=[Optional(), Email(_l("This is not an e-mail address."))]
    )
    srn = StringField(_l("Single registration number (SRN)"), validators=[Length(max=50)])

    def new(self) -> NewManufacturer:
        """Return what was typed."""
        return NewManufacturer(
            name=one_line(self.name.data),
            address=words(self.address),
            website=one_line(self.website.data),
            vigilance_email=one_line(self.vigilance_email.data),
            srn=one_line(self.srn.data),
        )


class DefinitionForm(FlaskForm):
    """A new device of the catalogue."""

    request_id = HiddenField()
    back = HiddenField()
    """Page that asked for it, to go back to."""
    manufacturer = SelectField(_l("Manufacturer"), validators=[DataRequired(_l("Choose the manufacturer."))])
    reference = StringField(
        _l("Manufacturer's reference"), validators=[DataRequired(_l("Write the reference.")), Length(max=100)]
    )
    designation = StringField(
        _l("Designation"), validators=[DataRequired(_l("Write what the device is.")), Length(max=300)]
    )
    brand = StringField(_l("Brand"), validators=[Length(max=200)])
    kind = SelectField(_l("Kind"), choices=[SelectChoice(kind.value, _l(label)) for kind, label in KIND_LABELS.items()])
    size = StringField(_l("Size"), validators=[Length(max=100)])
    udi_di = TextAreaField(_l("UDI-DI, one per line"), validators=[Length(max=2000)])
    expected_lifetime = TextAreaField(_l("Expected lifetime"), validators=[Length(max=1000)])
    follow_up = TextAreaField(_l("Particular medical follow-up"), validators=[Length(max=1000)])

    def offer(self, manufacturers: Sequence[Manufacturer]) -> None:
        """Offer the manufacturers of the establishment."""
        self.manufacturer.choices = [CHOOSE, *(SelectChoice(str(one.id), one.name) for one in manufacturers)]

    def new(self, *, today: date) -> NewDefinition:
        """Return what was typed; ``UdiDiUnreadable`` where a UDI-DI cannot be read."""
        return NewDefinition(
            **asdict(_facts_of(self)),
            manufacturer_id=UUID(self.manufacturer.data),
            reference=one_line(self.reference.data),
            udi_dis=read_udi_dis(self.udi_di.data, today=today),
        )


class ChangeForm(FlaskForm):
    """What may be corrected of a definition."""

    designation = StringField(
        _l("Designation"), validators=[DataRequired(_l("Write what the device is.")), Length(max=300)]
    )
    brand = StringField(_l("Brand"), validators=[Length(max=200)])
    kind = SelectField(_l("Kind"), choices=[SelectChoice(kind.value, _l(label)) for kind, label in KIND_LABELS.items()])
    size = StringField(_l("Size"), validators=[Length(max=100)])
    udi_di = TextAreaField(_l("Further UDI-DIs, one per line"), validators=[Length(max=2000)])
    expected_lifetime = TextAreaField(_l("Expected lifetime"), validators=[Length(max=1000)])
    follow_up = TextAreaField(_l("Particular medical follow-up"), validators=[Length(max=1000)])

    def facts(self) -> DefinitionFacts:
        """Return what was typed."""
        return _facts_of(self)


def _facts_of(form: DefinitionForm | ChangeForm) -> DefinitionFacts:
    """Return what both forms ask of a device; each names its fields in the order of its page."""
    return DefinitionFacts(
        designation=one_line(form.designation.data),
        kind=DeviceKind(form.kind.data),
        brand=one_line(form.brand.data),
        size=one_line(form.size.data),
        expected_lifetime=words(form.expected_lifetime),
        follow_up=words(form.follow_up),
    )


class MergeForm(FlaskForm):
    """Into which device another is merged, and why."""

    request_id = HiddenField()
    survivor = StringField(
        _l("Reference of the device that stays"), validators=[DataRequired(_l("Write the reference.")), Length(max=100)]
    )
    survivor_id = SelectField(_l("Manufacturer"), validators=[Optional()], choices=[])
    reason = TextAreaField(_l("Reason"), validators=[DataRequired(_l("Write the reason.")), Length(max=1000)])

    def offer(self, definitions: Sequence[FoundDefinition]) -> None:
        """Offer the devices that carry the reference."""
        offered = [SelectChoice(str(one.id), f"{one.manufacturer_name} – {one.designation}") for one in definitions]
        self.survivor_id.choices = [CHOOSE, *offered]
