"""Forms of the gate and of the use log."""

from collections.abc import Iterable, Sequence
from datetime import date, time
from typing import cast
from uuid import UUID

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, DateField, HiddenField, SelectField, StringField, TextAreaField, TimeField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import DataRequired, InputRequired, Length, Optional

from tracker.errors import N_, InvalidInput
from tracker.organisation.models import Ward
from tracker.use.rules import INTERVENTION_LABELS, SIDE_LABELS, Intervention, Side


class FormIncomplete(InvalidInput):
    """A hidden field of the form names no patient: the form was forged, or made elsewhere."""

    code = "use-form-incomplete"


class UseForm(FlaskForm):
    """One use of one unit for one patient."""

    request_id = HiddenField()
    unit = HiddenField()
    patient = HiddenField()
    intervention = SelectField(
        _l("Intervention"), choices=[SelectChoice(code.value, _l(label)) for code, label in INTERVENTION_LABELS.items()]
    )
    implanted_system = StringField(_l("System already implanted"), validators=[Optional(), Length(max=300)])
    side = SelectField(
        _l("Side"),
        choices=[SelectChoice("", "—"), *[SelectChoice(c.value, _l(label)) for c, label in SIDE_LABELS.items()]],
        validators=[InputRequired(_l("Choose a side, or 'not applicable'."))],
    )
    used_on = DateField(_l("Day of use"), validators=[InputRequired()])
    used_time = TimeField(_l("Time of use"), validators=[InputRequired(_l("Give the time, as the clock showed it."))])
    operator_id = SelectField(_l("Operator"), validators=[InputRequired(_l("Choose the surgeon."))])
    ward_id = SelectField(_l("Place of use"), validators=[InputRequired(_l("Choose the place."))])
    are_criteria_confirmed = BooleanField(_l("The patient fulfils every criterion shown above"))
    reason = TextAreaField(_l("Why this device"), validators=[DataRequired(), Length(max=2000)])

    def offer(self, surgeons: Iterable[tuple[UUID, str, str | None]], wards: Iterable[Ward]) -> None:
        """Fill the lists: surgeons by id, name and RPPS."""
        named = [(one, f"{name} (RPPS {rpps})" if rpps else name) for one, name, rpps in surgeons]
        self.operator_id.choices = choices_with_none(named)
        self.ward_id.choices = choices_with_none([(ward.id, ward.name) for ward in wards])

    def patient_id(self) -> UUID:
        """Return the patient of the hidden field.

        Raises:
            FormIncomplete: it names none.
        """
        try:
            return UUID(self.patient.data or "")
        except ValueError as error:
            raise FormIncomplete(
                N_("This form names no patient."), next_step=N_("Start again: scan the patient, then the device.")
            ) from error

    def day(self) -> date:
        """Return the day of use; only of a valid form."""
        return cast("date", self.used_on.data)

    def hour(self) -> time:
        """Return the time of day of use; only of a valid form."""
        return cast("time", self.used_time.data)

    def chosen_side(self) -> Side:
        """Return the side."""
        return Side(self.side.data)

    def chosen_intervention(self) -> Intervention:
        """Return what is done."""
        return Intervention(self.intervention.data)


def choices_with_none(pairs: Sequence[tuple[UUID, str]]) -> list[SelectChoice]:
    """Return choices of a select field, none chosen at first."""
    return [SelectChoice("", "—"), *[SelectChoice(str(value), label) for value, label in pairs]]
