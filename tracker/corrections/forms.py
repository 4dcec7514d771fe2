"""Forms of corrections of uses."""

from uuid import UUID

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, RadioField, TextAreaField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import DataRequired, Length

from tracker.catalogue.forms import words
from tracker.corrections.rules import WHEREABOUTS_LABELS, Amendment, Whereabouts
from tracker.use.forms import UseForm


class AmendForm(UseForm):
    """The details of a use as they should have been entered, and what was wrong."""

    why = TextAreaField(_l("What was wrong"), validators=[DataRequired(_l("Write what was wrong.")), Length(max=1000)])

    def amendment(self) -> Amendment:
        """Return what was entered; only of a valid form."""
        return Amendment(
            used_on=self.day(),
            used_time=self.hour(),
            operator_id=UUID(self.operator_id.data),
            ward_id=UUID(self.ward_id.data),
            side=self.chosen_side(),
            intervention=self.chosen_intervention(),
            implanted_system=words(self.implanted_system),
            reason=words(self.reason),
        )


class WithdrawForm(FlaskForm):
    """Why a use is taken back, and where its unit is."""

    request_id = HiddenField()
    why = TextAreaField(_l("What was wrong"), validators=[DataRequired(_l("Write what was wrong.")), Length(max=1000)])
    whereabouts = RadioField(
        _l("The unit that was not used"),
        choices=[SelectChoice(code.value, _l(label)) for code, label in WHEREABOUTS_LABELS.items()],
        validators=[DataRequired(_l("Say where the unit is."))],
    )

    def place(self) -> Whereabouts:
        """Return where the unit is; only of a valid form."""
        return Whereabouts(self.whereabouts.data)
