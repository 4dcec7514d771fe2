"""Forms of corrections of failed implantations and explantations."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, TextAreaField
from wtforms.validators import DataRequired, Length

from tracker.outcomes.forms import ExplantationForm, FailureForm


class AmendFailureForm(FailureForm):
    """How a unit was opened and not implanted, as it should have been entered, and what was wrong."""

    why = TextAreaField(_l("What was wrong"), validators=[DataRequired(_l("Write what was wrong.")), Length(max=1000)])


class AmendExplantationForm(ExplantationForm):
    """How an implant was taken out, as it should have been entered, and what was wrong."""

    why = TextAreaField(_l("What was wrong"), validators=[DataRequired(_l("Write what was wrong.")), Length(max=1000)])


class WithdrawForm(FlaskForm):
    """Why an explantation is taken back."""

    request_id = HiddenField()
    why = TextAreaField(_l("What was wrong"), validators=[DataRequired(_l("Write what was wrong.")), Length(max=1000)])
