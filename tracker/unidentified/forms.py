"""What arrives at the tray: a box to put aside, what a person found out about one, what became of it."""

from collections.abc import Iterable
from uuid import UUID

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import FileField, HiddenField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import DataRequired, Length

from tracker.arrivals.models import Reception
from tracker.reception.forms import EntryForm
from tracker.unidentified.rules import BY_HAND, CAUSE_LABELS, DISPOSITION_LABELS


class ItemForm(FlaskForm):
    """A box to put aside."""

    request_id = HiddenField()
    reception_id = HiddenField()
    raw = HiddenField()
    line = HiddenField()
    cause = RadioField(_l("Why"), validators=[DataRequired(_l("Say why."))], choices=[])
    place = StringField(_l("Where the box lies"), validators=[Length(max=200)])
    photo = FileField(_l("Photo of the box"))
    description = TextAreaField(_l("What is printed on it, what it looks like"), validators=[Length(max=1000)])

    def offer(self) -> None:
        """Offer the causes."""
        self.cause.choices = [SelectChoice(code.value, _(label)) for code, label in CAUSE_LABELS.items()]


class IdentityForm(EntryForm):
    """What a person found out about a box of the tray."""

    reception = SelectField(_l("Into which delivery"), validators=[DataRequired(_l("Choose a delivery."))], choices=[])

    def offer_receptions(self, receptions: Iterable[Reception]) -> None:
        """Offer the deliveries that are open."""
        self.reception.choices = [SelectChoice(str(one.id), f"{one.number} – {one.supplier}") for one in receptions]

    def chosen_reception(self) -> UUID:
        """Return the delivery that was chosen."""
        return UUID(self.reception.data)


class OutcomeForm(FlaskForm):
    """What became of a box that is not received."""

    request_id = HiddenField()
    disposition = RadioField(
        _l("What became of it"), validators=[DataRequired(_l("Say what became of it."))], choices=[]
    )
    reason = TextAreaField(_l("Reason"), validators=[Length(max=1000)])

    def offer(self) -> None:
        """Offer what a person may state."""
        self.disposition.choices = [SelectChoice(code.value, _(DISPOSITION_LABELS[code])) for code in BY_HAND]
