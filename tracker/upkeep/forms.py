"""Forms of updates and moves."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField, HiddenField, RadioField, StringField, TextAreaField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import DataRequired, Length

from tracker.catalogue.forms import words
from tracker.upkeep.rules import CHANGE_LABELS, Change, NewPlace, NewUpdate


class UpdateForm(FlaskForm):
    """A new version of software."""

    request_id = HiddenField()
    version = StringField(
        _l("New version"), validators=[DataRequired(_l("Write the version as the program shows it.")), Length(max=100)]
    )
    change = RadioField(
        _l("What it changes, as the manufacturer states"),
        validators=[DataRequired(_l("Say what the manufacturer states; if nobody asked, “Not known”."))],
        choices=[],
    )
    installed_on = DateField(_l("Installed on"), validators=[DataRequired(_l("Give the day."))])
    note = TextAreaField(_l("Note"), validators=[Length(max=1000)])

    def offer(self) -> None:
        """Offer the kinds of change."""
        self.change.choices = [SelectChoice(code.value, _(label)) for code, label in CHANGE_LABELS.items()]

    def new(self) -> NewUpdate:
        """Return what was typed."""
        return NewUpdate(words(self.version), Change(self.change.data), self.installed_on.data, self.note.data or "")


class PlaceForm(FlaskForm):
    """Another place of equipment or software."""

    request_id = HiddenField()
    place = StringField(
        _l("Where the device stands now"), validators=[DataRequired(_l("Write where it stands.")), Length(max=200)]
    )
    moved_on = DateField(_l("Standing there since"), validators=[DataRequired(_l("Give the day."))])
    note = TextAreaField(_l("Note"), validators=[Length(max=1000)])

    def new(self) -> NewPlace:
        """Return what was typed."""
        return NewPlace(words(self.place), self.moved_on.data, self.note.data or "")
