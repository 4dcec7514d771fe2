"""Form of a merge of manufacturers."""

from collections.abc import Iterable
from uuid import UUID

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectField, TextAreaField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import DataRequired, Length

from tracker.catalogue.models import Manufacturer


class MergeForm(FlaskForm):
    """Which manufacturer stays, and why the two are one."""

    request_id = HiddenField()
    survivor_id = SelectField(_l("Manufacturer that stays"), validators=[DataRequired(_l("Choose the manufacturer."))])
    reason = TextAreaField(_l("Reason"), validators=[DataRequired(_l("Write the reason.")), Length(max=1000)])

    def offer(self, manufacturers: Iterable[Manufacturer], *, besides: UUID) -> None:
        """Offer every manufacturer in use but the one that disappears."""
        offered = [SelectChoice(str(one.id), one.name) for one in manufacturers if one.id != besides]
        self.survivor_id.choices = [SelectChoice("", _l("Choose…")), *offered]
