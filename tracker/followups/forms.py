"""Forms of the follow-up of an incident."""

from datetime import date
from typing import cast

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import BooleanField, DateField, HiddenField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import DataRequired, InputRequired, Length, Optional

from tracker.followups.rules import EventFacts, EventKind
from tracker.vigilance.rules import BASIS_LABELS, PLACE_LABELS, RECIPIENT_LABELS, Basis, DevicePlace, ReportRecipient

_LONG = Length(max=4000)
_KINDS = {EventKind.ACKNOWLEDGED: _l("Acknowledgement"), EventKind.ANSWERED: _l("Answer")}


class LetterForm(FlaskForm):
    """An acknowledgement or an answer that came."""

    request_id = HiddenField()
    kind = RadioField(
        _l("What came"),
        choices=[SelectChoice(code.value, label) for code, label in _KINDS.items()],
        default=EventKind.ACKNOWLEDGED.value,
    )
    recipient = RadioField(
        _l("From"),
        choices=[SelectChoice(code.value, _l(label)) for code, label in RECIPIENT_LABELS.items()],
        validators=[InputRequired(_l("Say who it comes from."))],
    )
    happened_on = DateField(_l("Day it came"), validators=[InputRequired(_l("Give the day."))])
    reference = StringField(_l("Their reference"), validators=[Length(max=100)])
    text = TextAreaField(_l("What it says"), validators=[Optional(), _LONG])
    document = FileField(_l("The letter or e-mail"), validators=[Optional()])

    def facts(self) -> EventFacts:
        """Return what was entered; only of a valid form."""
        return EventFacts(
            kind=EventKind(self.kind.data),
            happened_on=_day(self.happened_on),
            recipient=ReportRecipient(self.recipient.data),
            reference=self.reference.data or "",
            text=self.text.data or "",
        )


class PlaceForm(FlaskForm):
    """Where the device is now."""

    request_id = HiddenField()
    happened_on = DateField(_l("Since"), validators=[InputRequired(_l("Give the day."))])
    device_place = SelectField(
        _l("Where the device is now"),
        choices=[SelectChoice(code.value, _l(label)) for code, label in PLACE_LABELS.items()],
    )
    is_device_kept = BooleanField(_l("The device is kept for expertise"))
    text = StringField(_l("Exactly where"), validators=[Length(max=500)])

    def facts(self) -> EventFacts:
        """Return what was entered; only of a valid form."""
        return EventFacts(
            kind=EventKind.DEVICE_PLACED,
            happened_on=_day(self.happened_on),
            text=self.text.data or "",
            device_place=DevicePlace(self.device_place.data),
            is_device_kept=bool(self.is_device_kept.data),
        )


class ComplementForm(FlaskForm):
    """What is new, for ANSM and for the manufacturer."""

    request_id = HiddenField()
    basis = RadioField(
        _l("Kind of report"),
        choices=[SelectChoice(code.value, _l(label)) for code, label in BASIS_LABELS.items()],
        default=Basis.MANDATORY.value,
    )
    comments = TextAreaField(_l("What is new"), validators=[DataRequired(_l("Say what is new.")), _LONG])


class EndForm(FlaskForm):
    """The conclusion of an incident, or why it is opened again."""

    request_id = HiddenField()
    happened_on = DateField(_l("Day"), validators=[InputRequired(_l("Give the day."))])
    text = TextAreaField(_l("Conclusion"), validators=[DataRequired(_l("Write it.")), _LONG])

    def facts(self, kind: EventKind) -> EventFacts:
        """Return what was entered; only of a valid form."""
        return EventFacts(kind=kind, happened_on=_day(self.happened_on), text=self.text.data or "")


def _day(field: DateField) -> date:
    return cast("date", field.data)
