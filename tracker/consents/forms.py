"""Forms of notices and consents."""

from collections.abc import Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import DateTimeLocalField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import DataRequired, InputRequired, Length, Optional

from tracker.clock import PARIS
from tracker.consents.rules import CAPACITY_LABELS, KIND_LABELS, ConsentEventKind, NoticeTexts, SignerCapacity
from tracker.errors import N_, InvalidInput

_LONG = Length(max=4000)


class FormIncomplete(InvalidInput):
    """A hidden field of the form names no derogation: the form was forged, or made elsewhere."""

    code = "consent-form-incomplete"


class NoticeForm(FlaskForm):
    """The words of a new version of the notice."""

    request_id = HiddenField()
    no_mark_reason = TextAreaField(_l("Why the device has no CE marking"), validators=[DataRequired(), _LONG])
    why = TextAreaField(_l("Why this device is proposed"), validators=[DataRequired(), _LONG])
    alternatives = TextAreaField(_l("Alternatives, and why they do not suit"), validators=[DataRequired(), _LONG])
    benefits = TextAreaField(_l("Expected benefits"), validators=[DataRequired(), _LONG])
    risks = TextAreaField(_l("Known risks"), validators=[DataRequired(), _LONG])
    unknowns = TextAreaField(_l("What is not known"), validators=[Optional(), _LONG])
    follow_up = TextAreaField(_l("Follow-up"), validators=[Optional(), _LONG])
    contact = TextAreaField(_l("Whom to contact"), validators=[DataRequired(), _LONG])

    def texts(self) -> NoticeTexts:
        """Return the words that were typed."""
        names = ("no_mark_reason", "why", "alternatives", "benefits", "risks", "unknowns", "follow_up", "contact")
        return NoticeTexts(**{name: (self[name].data or "").strip() for name in names})


class ConsentForm(FlaskForm):
    """One event between a patient and a derogation."""

    request_id = HiddenField()
    derogation_id = HiddenField()
    back = HiddenField()
    kind = SelectField(
        _l("What happened"), choices=[SelectChoice(kind.value, _l(label)) for kind, label in KIND_LABELS.items()]
    )
    at = DateTimeLocalField(_l("When (Paris time)"), format="%Y-%m-%dT%H:%M", validators=[InputRequired()])
    notice_id = SelectField(_l("Notice given"), validators=[Optional()])
    informed_by_id = SelectField(_l("Informed by"), validators=[Optional()])
    signer_capacity = SelectField(
        _l("Who is informed, consulted or decides"),
        choices=[
            SelectChoice("", "—"),
            *[SelectChoice(capacity.value, _l(label)) for capacity, label in CAPACITY_LABELS.items()],
        ],
        validators=[Optional()],
    )
    signer_name = StringField(_l("Name of this person"), validators=[Optional(), Length(max=200)])
    reason = TextAreaField(_l("Reason, and who was consulted"), validators=[Optional(), Length(max=2000)])
    document = FileField(_l("Signed form, scanned"), validators=[Optional()])

    def chosen_derogation(self) -> UUID:
        """Return the derogation of the hidden field.

        Raises:
            FormIncomplete: it names none.
        """
        try:
            return UUID(self.derogation_id.data or "")
        except ValueError as error:
            raise FormIncomplete(
                N_("This form names no derogation."), next_step=N_("Choose the derogation again.")
            ) from error

    def instant(self) -> datetime:
        """Return when it happened, aware."""
        return cast("datetime", self.at.data).replace(tzinfo=PARIS)

    def chosen_kind(self) -> ConsentEventKind:
        """Return what happened."""
        return ConsentEventKind(self.kind.data)

    def capacity(self) -> SignerCapacity | None:
        """Return in what capacity the signer signs."""
        return SignerCapacity(self.signer_capacity.data) if self.signer_capacity.data else None


def choices_with_none(pairs: Sequence[tuple[UUID, str]]) -> list[SelectChoice]:
    """Return choices of a select field that may stay empty."""
    return [SelectChoice("", "—"), *[SelectChoice(str(value), label) for value, label in pairs]]


def chosen_id(field: SelectField) -> UUID | None:
    """Return the id that was chosen, None where nothing was."""
    return UUID(field.data) if field.data else None
