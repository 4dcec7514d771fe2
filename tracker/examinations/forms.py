"""Form of what became of an examination."""

from datetime import date
from typing import cast

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField, HiddenField, RadioField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from tracker.examinations.rules import NewOutcome, OutcomeKind


class OutcomeForm(FlaskForm):
    """What became of one examination."""

    request_id = HiddenField()
    kind = RadioField(_l("What became of the examination"), validators=[InputRequired(_l("Choose one."))])
    happened_on = DateField(_l("Day"), validators=[InputRequired(_l("Give the day."))])
    note = TextAreaField(_l("Result or reason"), validators=[Optional(), Length(max=2000)])

    def outcome(self) -> NewOutcome:
        """Return what was entered; only of a valid form."""
        return NewOutcome(OutcomeKind(self.kind.data), cast("date", self.happened_on.data), self.note.data or "")
