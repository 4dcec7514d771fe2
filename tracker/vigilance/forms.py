"""Forms of incidents."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    DateField,
    HiddenField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import DataRequired, InputRequired, Length, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from tracker.vigilance.rules import (
    BASIS_LABELS,
    CONSEQUENCE_LABELS,
    PLACE_LABELS,
    Basis,
    Consequence,
    DevicePlace,
    IncidentFacts,
    Narrative,
)

_LONG = Length(max=4000)
_PLACES = [SelectChoice(code.value, _l(label)) for code, label in PLACE_LABELS.items()]
_CONSEQUENCES = [SelectChoice(code.value, _l(label)) for code, label in CONSEQUENCE_LABELS.items()]
_BASES = [SelectChoice(code.value, _l(label)) for code, label in BASIS_LABELS.items()]


class ConsequencesField(SelectMultipleField):
    """Consequences as a list of check boxes."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class IncidentForm(FlaskForm):
    """One incident or risk of incident with one unit."""

    request_id = HiddenField()
    unit = HiddenField()
    occurred_on = DateField(_l("Day it happened"), validators=[InputRequired(_l("Give the day it happened."))])
    detected_on = DateField(_l("Day it was noticed"), validators=[InputRequired(_l("Give the day it was noticed."))])
    place = StringField(
        _l("Where it happened"), validators=[DataRequired(_l("Say where it happened.")), Length(max=200)]
    )
    description = TextAreaField(_l("What happened"), validators=[DataRequired(_l("Say what happened.")), _LONG])
    consequences = ConsequencesField(
        _l("Consequences for the patient or for anybody"),
        choices=_CONSEQUENCES,
        validators=[InputRequired(_l("Choose at least one; “risk only” if nobody was harmed."))],
    )
    clinical = TextAreaField(_l("Consequences in your own words"), validators=[Optional(), _LONG])
    outcome = TextAreaField(_l("How the patient is now"), validators=[Optional(), _LONG])
    weight_kg = StringField(_l("Weight of the patient, in kilograms"), validators=[Optional(), Length(max=10)])
    patient_ipp = StringField(_l("IPP of the patient concerned"), validators=[Optional(), Length(max=50)])
    device_place = SelectField(
        _l("Where the device is now"),
        choices=_PLACES,
    )
    is_device_kept = BooleanField(_l("The device is kept for expertise"))
    measures = TextAreaField(_l("What was done at once"), validators=[Optional(), _LONG])
    informed = TextAreaField(_l("Who else was told, and when"), validators=[Optional(), _LONG])

    def facts(self) -> IncidentFacts:
        """Return what was declared."""
        return IncidentFacts(
            occurred_on=self.occurred_on.data,
            detected_on=self.detected_on.data,
            place=_text(self.place),
            consequences=tuple(Consequence(code) for code in self.consequences.data or []),
            narrative=Narrative(
                description=_text(self.description),
                clinical=_text(self.clinical),
                outcome=_text(self.outcome),
                measures=_text(self.measures),
                informed=_text(self.informed),
                weight_kg=_text(self.weight_kg).replace(",", "."),
            ),
            device_place=DevicePlace(self.device_place.data),
            is_device_kept=bool(self.is_device_kept.data),
        )


class TransmitForm(FlaskForm):
    """What the vigilance officer adds before both reports leave."""

    basis = RadioField(
        _l("Kind of report"),
        choices=_BASES,
        validators=[InputRequired(_l("Choose the kind of report."))],
    )
    comments = TextAreaField(_l("Comments of the vigilance officer"), validators=[Optional(), _LONG])

    def chosen_basis(self) -> Basis:
        """Return the kind of report that was chosen."""
        return Basis(self.basis.data)


def _text(field: StringField) -> str:
    return (field.data or "").strip()
