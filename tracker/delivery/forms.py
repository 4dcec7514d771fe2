"""Forms of the bench: where units go, what comes back, and what was seen of it."""

from collections.abc import Iterable
from uuid import UUID

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectField, StringField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import DataRequired, Length

from tracker.catalogue.forms import CHOOSE, one_line
from tracker.delivery.rules import Handover, Inspected
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


class ReturnForm(FlaskForm):
    """One unit that comes back, and what was seen of it."""

    request_id = HiddenField()
    raw = StringField(_l("Label of the unit"), validators=[Length(max=5000)])
    doubt = StringField(_l("What is wrong"), validators=[Length(max=1000)])
    returned_by = StringField(_l("Brought back by"), validators=[Length(max=200)])

    def inspected(self) -> Inspected:
        """Return what was typed."""
        return Inspected(one_line(self.doubt.data), one_line(self.returned_by.data))
