"""Forms of failed implantations and explantations."""

from collections.abc import Iterable
from uuid import UUID

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField, HiddenField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import DataRequired, InputRequired, Length, Optional

from tracker.accounts.models import Person
from tracker.catalogue.forms import words
from tracker.organisation.models import Ward
from tracker.outcomes.rules import (
    EXPLANTATION_LABELS,
    FAILURE_LABELS,
    FATE_LABELS,
    STAGE_LABELS,
    ExplantationCause,
    FailureCause,
    Fate,
    NewExplantation,
    NewFailure,
    Stage,
)
from tracker.use.forms import choices_with_none


class FailureForm(FlaskForm):
    """One unit that was opened or tried, and not implanted."""

    request_id = HiddenField()
    unit = HiddenField()
    cause = RadioField(
        _l("Why it was not implanted"),
        choices=[SelectChoice(code.value, _l(label)) for code, label in FAILURE_LABELS.items()],
        validators=[DataRequired(_l("Choose the reason."))],
    )
    note = TextAreaField(_l("What happened"), validators=[Optional(), Length(max=1000)])
    stage = RadioField(
        _l("How far it came"),
        choices=[SelectChoice(code.value, _l(label)) for code, label in STAGE_LABELS.items()],
        validators=[DataRequired(_l("Say how far it came."))],
    )
    patient_ipp = StringField(_l("IPP of the patient"), validators=[Optional(), Length(max=50)])
    failed_on = DateField(_l("Day"), validators=[InputRequired()])
    operator_id = SelectField(_l("Operator"), validators=[InputRequired(_l("Choose the surgeon."))])
    ward_id = SelectField(_l("Place"), validators=[InputRequired(_l("Choose the place."))])

    def offer(self, surgeons: Iterable[Person], wards: Iterable[Ward]) -> None:
        """Set who may have operated, and where."""
        self.operator_id.choices = choices_with_none([(person.id, person.display_name) for person in surgeons])
        self.ward_id.choices = choices_with_none([(ward.id, ward.name) for ward in wards])

    def new(self, patient_id: UUID | None) -> NewFailure:
        """Return what was entered; only of a valid form."""
        return NewFailure(
            unit_number=self.unit.data or "",
            failed_on=self.failed_on.data,
            stage=Stage(self.stage.data),
            cause=FailureCause(self.cause.data),
            operator_id=UUID(self.operator_id.data),
            ward_id=UUID(self.ward_id.data),
            patient_id=patient_id,
            note=words(self.note),
        )


class ExplantationForm(FlaskForm):
    """One device taken out of its patient."""

    request_id = HiddenField()
    explanted_on = DateField(_l("Day of the explantation"), validators=[InputRequired()])
    cause = RadioField(
        _l("Why it was taken out"),
        choices=[SelectChoice(code.value, _l(label)) for code, label in EXPLANTATION_LABELS.items()],
        validators=[DataRequired(_l("Choose the reason."))],
    )
    note = TextAreaField(_l("Details"), validators=[Optional(), Length(max=1000)])
    operator_id = SelectField(_l("Surgeon of this hospital"), validators=[Optional()])
    elsewhere = StringField(_l("Or, done elsewhere: who and where"), validators=[Optional(), Length(max=200)])
    fate = SelectField(
        _l("What became of the device"),
        choices=[SelectChoice(code.value, _l(label)) for code, label in FATE_LABELS.items()],
    )

    def offer(self, surgeons: Iterable[Person]) -> None:
        """Set who may have operated in this hospital."""
        self.operator_id.choices = choices_with_none([(person.id, person.display_name) for person in surgeons])

    def new(self) -> NewExplantation:
        """Return what was entered; only of a valid form."""
        return NewExplantation(
            explanted_on=self.explanted_on.data,
            cause=ExplantationCause(self.cause.data),
            operator_id=UUID(self.operator_id.data) if self.operator_id.data else None,
            elsewhere=words(self.elsewhere),
            fate=Fate(self.fate.data),
            note=words(self.note),
        )
