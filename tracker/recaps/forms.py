"""Forms of recaps."""

from datetime import date
from uuid import UUID

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import DateField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, Optional


class RecapForm(FlaskForm):
    """Which derogation, and which days."""

    request_id = HiddenField()
    derogation = SelectField(_("Annual derogation"), validators=[DataRequired(_("Choose a derogation."))])
    first_day = DateField(_("First day"), validators=[DataRequired(_("Type a date."))])
    last_day = DateField(_("Last day, included"), validators=[DataRequired(_("Type a date."))])

    def period(self) -> tuple[UUID, date, date]:
        """Return what was chosen; a missing value is refused before."""
        return UUID(self.derogation.data), self.first_day.data or date.max, self.last_day.data or date.min


class HandoverForm(FlaskForm):
    """How a recap reached the manufacturer."""

    request_id = HiddenField()
    handed_on = DateField(_("Handed over on"), validators=[DataRequired(_("Type a date."))])
    recipient = StringField(_("To whom"), validators=[DataRequired(_("Type a name or an address.")), Length(max=300)])
    note = TextAreaField(_("Note"), validators=[Optional(), Length(max=4000)])

    def day(self) -> date:
        """Return the day; a missing one is refused before."""
        return self.handed_on.data or date.max
