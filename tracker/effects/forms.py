"""The form of a suspension, a withdrawal or the end of a suspension."""

from datetime import date

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import DateField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import DataRequired, Length, Optional

from tracker.derogations.forms import DECISION_LABELS
from tracker.documents.models import DocumentKind
from tracker.documents.service import NewFile
from tracker.effects.rules import STOPPING_KINDS


class StopForm(FlaskForm):
    """A decision that stops units, or lets them go again, with its letter."""

    request_id = HiddenField()
    kind = SelectField(
        _l("Decision"), choices=[SelectChoice(kind.value, _l(DECISION_LABELS[kind])) for kind in STOPPING_KINDS]
    )
    effective_from = DateField(_l("First day of effect"), validators=[DataRequired(_l("Type a date."))])
    reference = StringField(_l("ANSM's number"), validators=[Optional(), Length(max=300)])
    note = TextAreaField(_l("Note"), validators=[Optional(), Length(max=4000)])
    letter = FileField(_l("Decision letter"))

    def first_day(self) -> date:
        """Return the first day of effect; only of a valid form."""
        return self.effective_from.data or date.min

    def new_letter(self) -> NewFile | None:
        """Return the uploaded letter, or None; an empty file is kept, so that it can be refused."""
        upload = self.letter.data
        if not upload or not upload.filename:
            return None
        return NewFile(DocumentKind.DECISION, "", upload.filename, upload.read(), has_patient_data=False)
