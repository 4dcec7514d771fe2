"""Forms of a count."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, RadioField, SelectField, StringField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import DataRequired, Length, Optional

from tracker.organisation.models import Ward
from tracker.stocktaking.rules import RESOLUTION_LABELS

PHARMACY = "pharmacy"


class CountForm(FlaskForm):
    """What is counted."""

    request_id = HiddenField()
    place = SelectField(_l("Place"), validators=[DataRequired(_l("Choose the place."))])
    reference = StringField(_l("Only this reference"), validators=[Optional(), Length(max=100)])
    note = StringField(_l("Shelf, or remark"), validators=[Length(max=200)])

    def offer(self, wards: Iterable[Ward]) -> None:
        """Offer the pharmacy and the wards of the establishment."""
        wards_offered: Sequence[SelectChoice] = [SelectChoice(str(ward.id), ward.name) for ward in wards]
        self.place.choices = [SelectChoice(PHARMACY, _l("Pharmacy")), *wards_offered]

    def ward_id(self) -> UUID | None:
        """Return the ward that was chosen, None for the pharmacy."""
        return None if self.place.data == PHARMACY else UUID(self.place.data)


class ResolveForm(FlaskForm):
    """What is decided about the differences that were ticked."""

    resolution = RadioField(
        _l("Decision"),
        choices=[SelectChoice(code.value, _l(label)) for code, label in RESOLUTION_LABELS.items()],
        validators=[DataRequired(_l("Choose what is decided."))],
    )
    reason = StringField(_l("Reason"), validators=[DataRequired(_l("Write the reason.")), Length(max=1000)])
