"""Forms of the register, and the words of its codes."""

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import (
    BooleanField,
    DateField,
    HiddenField,
    IntegerField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import DataRequired, Length, NumberRange, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from tracker.derogations.rules import DecisionKind, DerogationKind, DerogationStatus, Domain
from tracker.documents.models import DocumentKind
from tracker.documents.service import NewFile
from tracker.errors import N_
from tracker.terms.rules import Conditions, ConditionsWrong, FollowUp

KIND_LABELS: Mapping[DerogationKind, str] = {
    DerogationKind.INDIVIDUAL: N_("Individual"),
    DerogationKind.GLOBAL: N_("Global"),
    DerogationKind.PARTIAL_REVISION: N_("Annual, partial revision"),
    DerogationKind.IVD: N_("In vitro diagnostic"),
}
DOMAIN_LABELS: Mapping[Domain, str] = {
    Domain.JOINT: N_("Joint prosthesis"),
    Domain.DENTAL: N_("Dental prosthesis"),
    Domain.OTHER: N_("Other field"),
}
DECISION_LABELS: Mapping[DecisionKind, str] = {
    DecisionKind.GRANTED: N_("Derogation granted"),
    DecisionKind.EXTENDED: N_("Derogation extended"),
    DecisionKind.REFUSED: N_("Request refused"),
    DecisionKind.SUSPENDED: N_("Derogation suspended"),
    DecisionKind.REINSTATED: N_("Suspension ended"),
    DecisionKind.WITHDRAWN: N_("Derogation withdrawn"),
    DecisionKind.SCOPE_CHANGED: N_("Scope changed"),
    DecisionKind.CONDITIONS_CHANGED: N_("Conditions changed"),
}
STATUS_LABELS: Mapping[DerogationStatus, str] = {
    DerogationStatus.IN_FORCE: "In force",
    DerogationStatus.NOT_YET: "Not yet in force",
    DerogationStatus.SUSPENDED: "Suspended",
    DerogationStatus.ENDED: "Ended",
    DerogationStatus.WITHDRAWN: "Withdrawn",
    DerogationStatus.REFUSED: "Refused",
    DerogationStatus.END_UNKNOWN: "End unknown",
    DerogationStatus.UNKNOWN: "No derogation known",
}
"""Translated in the context ``derogation``, as the shared badges are (templates/macros/status.html)."""
_WORDS = 4000
_LINE = 300


class LetterForm(FlaskForm):
    """What the letter of a decision says."""

    request_id = HiddenField()
    effective_from = DateField(_("First day of effect"), validators=[DataRequired(_("Type a date."))])
    valid_until = DateField(_("Last day of validity, included"), validators=[Optional()])
    decided_on = DateField(_("Date of the letter"), validators=[Optional()])
    received_on = DateField(_("Day of receipt"), validators=[Optional()])
    reference = StringField(_("ANSM's number"), validators=[Optional(), Length(max=_LINE)])
    patient_cap = IntegerField(
        _("Greatest number of patients"), validators=[Optional(), NumberRange(1, 100_000, _("Type a number from 1."))]
    )
    references = TextAreaField(_("References that enter the scope"), validators=[Optional(), Length(max=100_000)])
    note = TextAreaField(_("Note"), validators=[Optional(), Length(max=_WORDS)])
    source = StringField(_("Source"), validators=[Optional(), Length(max=_LINE)])
    letter = FileField(_("Decision letter"))
    states_conditions = BooleanField(_("The letter states conditions"))
    sites = TextAreaField(_("Establishments allowed"), validators=[Optional(), Length(max=_WORDS)])
    is_elsewhere = BooleanField(_("This establishment is not among them"))
    ward_ids = SelectMultipleField(
        _("Wards allowed"), choices=[], option_widget=CheckboxInput(), widget=ListWidget(prefix_label=False)
    )
    criteria = TextAreaField(_("Patient criteria"), validators=[Optional(), Length(max=_WORDS)])
    follow_up = TextAreaField(_("Follow-up required"), validators=[Optional(), Length(max=_WORDS)])

    def first_day(self) -> date:
        """Return the first day of effect; a missing one is refused before, and by the rules again."""
        return self.effective_from.data or date.min

    def listed(self) -> list[tuple[str, str]]:
        """Return the references that enter, one per line, each with its label after a semicolon or a tabulation."""
        return lines_of(self.references)

    def conditions(self) -> Conditions | None:
        """Return the conditions of the letter, None where it states none.

        Raises:
            ConditionsWrong: a date of the follow-up is no number of months.
        """
        if not self.states_conditions.data:
            return None
        return Conditions(
            sites=tuple(words(self.sites).splitlines()),
            is_allowed_here=not self.is_elsewhere.data,
            ward_ids=tuple([UUID(ward_id) for ward_id in self.ward_ids.data or ()]),
            criteria=tuple(words(self.criteria).splitlines()),
            follow_up=tuple([_follow_up(months, what) for months, what in lines_of(self.follow_up)]),
        )

    def new_letter(self) -> NewFile | None:
        """Return the uploaded letter, or None; an empty file is kept, so that it can be refused."""
        upload = self.letter.data
        if not upload or not upload.filename:
            return None
        return NewFile(DocumentKind.DECISION, "", upload.filename, upload.read(), has_patient_data=False)


class DecisionForm(LetterForm):
    """One more decision on a derogation."""

    kind = SelectField(
        _("Decision"),
        choices=[SelectChoice(kind.value, _(label)) for kind, label in DECISION_LABELS.items()],
        default=DecisionKind.EXTENDED.value,
    )
    references_removed = TextAreaField(
        _("References that leave the scope"), validators=[Optional(), Length(max=_WORDS)]
    )
    corrects_id = SelectField(_("Corrects a decision recorded wrongly"), validators=[Optional()])

    def removed(self) -> tuple[str, ...]:
        """Return the references that leave, one per line."""
        return tuple(code for code, _label in lines_of(self.references_removed))

    def corrected(self) -> UUID | None:
        """Return the decision that this one corrects."""
        return UUID(self.corrects_id.data) if self.corrects_id.data else None


class DerogationForm(LetterForm):
    """A new derogation with its first decision."""

    kind = SelectField(
        _("Kind"),
        choices=[SelectChoice(kind.value, _(label)) for kind, label in KIND_LABELS.items()],
        default=DerogationKind.GLOBAL.value,
    )
    domain = SelectField(
        _("Field of use"), choices=[SelectChoice(domain.value, _(label)) for domain, label in DOMAIN_LABELS.items()]
    )
    designation = StringField(_("Designation"), validators=[DataRequired(_("Type the name.")), Length(max=_LINE)])
    manufacturer_id = SelectField(_("Company"), validators=[Optional()])
    company = StringField(_("Company that is not in the list"), validators=[Optional(), Length(max=_LINE)])
    ipp = StringField(_("Patient's IPP"), validators=[Optional(), Length(max=40)])
    pseudonym = StringField(_("How the letter calls the patient"), validators=[Optional(), Length(max=100)])
    legal_basis = StringField(_("Legal basis"), validators=[Optional(), Length(max=_LINE)])
    partial_revision_only = BooleanField(_("Partial revisions only"))
    implanted_system = StringField(_("System already implanted"), validators=[Optional(), Length(max=_LINE)])
    scope_text = TextAreaField(_("Scope in the decision's own words"), validators=[Optional(), Length(max=_WORDS)])
    first_decision = SelectField(
        _("Decision"),
        choices=[
            SelectChoice(kind.value, _(DECISION_LABELS[kind])) for kind in (DecisionKind.GRANTED, DecisionKind.REFUSED)
        ],
    )


class ScopeForm(FlaskForm):
    """The pharmacist's reading of a scope written in words."""

    request_id = HiddenField()
    effective_from = DateField(_("First day of effect"), validators=[DataRequired(_("Type a date."))])
    references = TextAreaField(
        _("References in the scope"), validators=[DataRequired(_("Type one reference per line.")), Length(max=_WORDS)]
    )
    reading = TextAreaField(
        _("Your reading of the decision"),
        validators=[DataRequired(_("Write your reading of the decision.")), Length(max=_WORDS)],
    )

    def first_day(self) -> date:
        """Return the first day of effect; a missing one is refused before."""
        return self.effective_from.data or date.max


class AliasForm(FlaskForm):
    """Another spelling of the designation."""

    request_id = HiddenField()
    name = StringField(_("Other spelling"), validators=[DataRequired(_("Type the name.")), Length(max=_LINE)])
    alias_source = StringField(
        _("Where it is written so"), validators=[DataRequired(_("Say where it is written so.")), Length(max=_LINE)]
    )


def _follow_up(months: str, what: str) -> FollowUp:
    """Return one date of the follow-up.

    Raises:
        ConditionsWrong: it is no number of months.
    """
    if not months.isascii() or not months.isdigit() or len(months) > len("600"):
        raise ConditionsWrong(
            N_("A date of the follow-up cannot be."),
            fields={"follow_up": N_("Write the number of months after the use, a semicolon, then the examination.")},
        )
    return FollowUp(int(months), what)


def words(field: StringField) -> str:
    """Return what was typed, without outer spaces and NUL characters, which PostgreSQL cannot keep."""
    return (field.data or "").replace("\0", "").strip()


def lines_of(field: StringField) -> list[tuple[str, str]]:
    """Return one pair per line: what stands before the first semicolon or tabulation, and what stands after it."""
    pairs = (line.replace("\t", ";").partition(";") for line in words(field).splitlines())
    return [(code.strip(), label.strip()) for code, _separator, label in pairs if code.strip()]
