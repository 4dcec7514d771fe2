"""Forms of units."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, TextAreaField
from wtforms.validators import DataRequired, Length


class HoldForm(FlaskForm):
    """Why a unit is blocked."""

    request_id = HiddenField()
    reason = TextAreaField(_l("Reason"), validators=[DataRequired(_l("Write the reason.")), Length(max=1000)])


class ReleaseForm(FlaskForm):
    """Why a hold is released."""

    reason = TextAreaField(
        _l("Reason for the release"), validators=[DataRequired(_l("Write the reason.")), Length(max=1000)]
    )
