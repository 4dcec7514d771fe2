"""Forms of planned operations."""

from collections.abc import Sequence
from datetime import date
from typing import cast
from uuid import UUID

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField, HiddenField, SelectField, StringField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import DataRequired, InputRequired, Length, Optional


class OperationForm(FlaskForm):
    """One operation to plan for one patient."""

    request_id = HiddenField()
    patient = HiddenField()
    planned_on = DateField(_l("Day of the operation"), validators=[InputRequired(_l("Give the day."))])
    operator_id = SelectField(_l("Operator"), validators=[InputRequired(_l("Choose the surgeon."))])
    derogation_id = SelectField(_l("Derogation"), validators=[Optional()])
    reference = StringField(_l("Reference of the device"), validators=[Optional(), Length(max=100)])

    def day(self) -> date:
        """Return the planned day; only of a valid form."""
        return cast("date", self.planned_on.data)


class CloseForm(FlaskForm):
    """Why a planned operation is closed."""

    reason = StringField(_l("Why it is closed"), validators=[DataRequired(_l("Write the reason.")), Length(max=500)])


def choices_with_none(pairs: Sequence[tuple[UUID, str]]) -> list[SelectChoice]:
    """Return choices of a select field, none chosen at first."""
    return [SelectChoice("", "—"), *[SelectChoice(str(value), label) for value, label in pairs]]
