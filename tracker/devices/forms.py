"""Forms of units."""

from collections.abc import Iterable
from uuid import UUID

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectField, StringField, TextAreaField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import DataRequired, Length

from tracker.catalogue.forms import CHOOSE, one_line
from tracker.devices.rules import Handover
from tracker.organisation.models import Ward


class DeliverForm(FlaskForm):
    """Where a unit goes."""

    request_id = HiddenField()
    ward = SelectField(_l("Ward or theatre"), validators=[DataRequired(_l("Choose the ward."))])
    requested_by = StringField(_l("Asked for by"), validators=[Length(max=200)])
    received_by = StringField(_l("Received by"), validators=[Length(max=200)])

    def handover(self) -> Handover:
        """Return what was chosen and typed."""
        return Handover(UUID(self.ward.data), one_line(self.requested_by.data), one_line(self.received_by.data))

    def offer(self, wards: Iterable[Ward]) -> None:
        """Offer the wards of the establishment."""
        self.ward.choices = [CHOOSE, *(SelectChoice(str(ward.id), ward.name) for ward in wards)]


class HoldForm(FlaskForm):
    """Why a unit is blocked."""

    request_id = HiddenField()
    reason = TextAreaField(_l("Reason"), validators=[DataRequired(_l("Write the reason.")), Length(max=1000)])


class ReleaseForm(FlaskForm):
    """Why a hold is released."""

    reason = TextAreaField(
        _l("Reason for the release"), validators=[DataRequired(_l("Write the reason.")), Length(max=1000)]
    )
