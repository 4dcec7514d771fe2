"""Forms of the way to the CE mark and of what documents call a device."""

from datetime import date

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import BooleanField, DateField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import DataRequired, Length, Optional

from tracker.conformity.rules import (
    CLASS_LABELS,
    PLACE_LABELS,
    REASON_LABELS,
    STATE_LABELS,
    Aspect,
    Certificate,
    ConsultationState,
    Milestone,
    NoMarkReason,
    Pathway,
    Place,
    RiskClass,
    StatementWrong,
)
from tracker.errors import N_

_LINE = 300
_WORDS = 4000


class StatementForm(FlaskForm):
    """What is stated of the way to the CE mark."""

    request_id = HiddenField()
    reference = StringField(_("Reference, where it is about one device only"), validators=[Optional(), Length(max=100)])
    risk_class = SelectField(_("Class"), choices=[SelectChoice(k.value, _(v)) for k, v in CLASS_LABELS.items()])
    is_implantable = BooleanField(_("Implantable"))
    exchanges_medicine = BooleanField(_("Active, and administers or removes a medicine"))
    no_mark_reason = SelectField(
        _("Why there is no mark"), choices=[SelectChoice(k.value, _(v)) for k, v in REASON_LABELS.items()]
    )
    no_mark_note = TextAreaField(_("In the manufacturer's words"), validators=[Optional(), Length(max=_WORDS)])
    certificates = TextAreaField(_("Former certificates"), validators=[Optional(), Length(max=_WORDS)])
    notified_body = StringField(_("Notified body that assesses now"), validators=[Optional(), Length(max=_LINE)])
    milestones = TextAreaField(_("Timetable"), validators=[Optional(), Length(max=_WORDS)])
    consultation = SelectField(
        _("Expert consultation"), choices=[SelectChoice(k.value, _(v)) for k, v in STATE_LABELS.items()]
    )
    consultation_on = DateField(_("Day of the panel's answer"), validators=[Optional()])
    consultation_note = TextAreaField(_("What the panel says"), validators=[Optional(), Length(max=_WORDS)])
    stated_on = DateField(_("Day of the document"), validators=[DataRequired(_("Type a date."))])
    source = StringField(_("Source"), validators=[DataRequired(_("Say which document states it.")), Length(max=_LINE)])

    def stated_day(self) -> date:
        """Return the day of the document; a missing one is refused before."""
        return self.stated_on.data or date.max

    def pathway(self) -> Pathway:
        """Return what is stated.

        Raises:
            StatementWrong: a line of the timetable has no day.
        """
        certificates = [_parts(line, 3) for line in words(self.certificates).splitlines() if line.strip()]
        return Pathway(
            risk_class=RiskClass(self.risk_class.data),
            is_implantable=self.is_implantable.data,
            exchanges_medicine=self.exchanges_medicine.data,
            no_mark_reason=NoMarkReason(self.no_mark_reason.data),
            no_mark_note=words(self.no_mark_note),
            certificates=tuple([Certificate(*parts) for parts in certificates]),
            notified_body=words(self.notified_body),
            milestones=tuple([_milestone(line) for line in words(self.milestones).splitlines() if line.strip()]),
            consultation=ConsultationState(self.consultation.data),
            consultation_on=self.consultation_on.data,
            consultation_note=words(self.consultation_note),
        )


class NamingForm(FlaskForm):
    """What one document calls the device."""

    request_id = HiddenField()
    place = SelectField(
        _("Document"),
        choices=[SelectChoice(k.value, _(v)) for k, v in PLACE_LABELS.items()],
        default=Place.INSTRUCTIONS.value,
    )
    title = StringField(_("Which one"), validators=[DataRequired(_("Name the document.")), Length(max=_LINE)])
    designation = StringField(_("Designation"), validators=[Optional(), Length(max=_LINE)])
    model = StringField(_("Model"), validators=[Optional(), Length(max=_LINE)])
    indication = TextAreaField(_("Indication"), validators=[Optional(), Length(max=_WORDS)])
    population = TextAreaField(_("Population"), validators=[Optional(), Length(max=_WORDS)])
    manufacturer = StringField(_("Manufacturer"), validators=[Optional(), Length(max=_LINE)])


class ExplanationForm(FlaskForm):
    """Why a document may say an aspect differently."""

    request_id = HiddenField()
    aspect = SelectField(choices=[SelectChoice(aspect.value, aspect.value) for aspect in Aspect])
    value = HiddenField()
    reason = StringField(_("Why it may be so"), validators=[DataRequired(_("Say why.")), Length(max=_LINE)])


def words(field: StringField) -> str:
    """Return what was typed, without outer spaces and NUL characters, which PostgreSQL cannot keep."""
    return (field.data or "").replace("\0", "").strip()


def _parts(line: str, count: int) -> list[str]:
    parts = [part.strip() for part in line.split(";", count - 1)]
    return parts + [""] * (count - len(parts))


def _milestone(line: str) -> Milestone:
    """Return one step of the timetable.

    Raises:
        StatementWrong: it has no day.
    """
    day, what = _parts(line, 2)
    try:
        return Milestone(date.fromisoformat(day), what)
    except ValueError as error:
        raise StatementWrong(
            N_("A step of the timetable has no day."),
            fields={"milestones": N_("Write each step as 2027-03-31 ; what is done by then.")},
        ) from error
