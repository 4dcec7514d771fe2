"""The form that blocks a recalled lot."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField
from wtforms.validators import DataRequired, Length


class LotHoldForm(FlaskForm):
    """A whole lot to block."""

    request_id = HiddenField()
    lot = HiddenField()
    definition_id = HiddenField()
    reason = StringField(
        _l("Reason of the recall"), validators=[DataRequired(_l("Write the reason.")), Length(max=500)]
    )
