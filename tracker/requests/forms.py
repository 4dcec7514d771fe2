"""Forms of a request. The fields of the ten points are made from the table of the rules."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import (
    BooleanField,
    DateField,
    HiddenField,
    IntegerField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import DataRequired, Length, NumberRange, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from tracker.derogations.rules import Domain
from tracker.documents.models import DocumentKind
from tracker.documents.service import NewFile
from tracker.errors import N_
from tracker.requests.rules import KIND_LABELS, POINTS, Alternative, RequestFile

DOMAIN_LABELS: Mapping[Domain, str] = {
    Domain.JOINT: N_("Joint prosthesis"),
    Domain.DENTAL: N_("Dental prosthesis"),
    Domain.OTHER: N_("Other field"),
}
_LINE, _WORDS, _POINT = 300, 4000, 20_000


class OpenForm(FlaskForm):
    """A new request: its kind, and the device if it is known."""

    request_id = HiddenField()
    route = HiddenField()
    kind = RadioField(
        _("Kind of request"),
        choices=[SelectChoice(kind.value, _(label)) for kind, label in KIND_LABELS.items()],
        validators=[DataRequired(_("Choose a kind."))],
    )
    designation = StringField(_("Designation of the device"), validators=[Optional(), Length(max=_LINE)])


class FileForm(FlaskForm):
    """The whole file; everything may be left empty while the request is being drafted."""

    request_id = HiddenField()
    version = HiddenField()
    designation = StringField(_("Designation of the device"), validators=[Optional(), Length(max=_LINE)])
    domain = SelectField(
        _("Field of use"), choices=[SelectChoice(domain.value, _(label)) for domain, label in DOMAIN_LABELS.items()]
    )
    manufacturer_id = SelectField(_("Manufacturer"), validators=[Optional()])
    operator = TextAreaField(_("Market operator"), validators=[Optional(), Length(max=_WORDS)])
    ipp = StringField(_("Patient's IPP"), validators=[Optional(), Length(max=40)])
    implanted_system = StringField(_("System already implanted"), validators=[Optional(), Length(max=_LINE)])
    references = TextAreaField(_("References of the device"), validators=[Optional(), Length(max=_POINT)])
    is_late_renewal = BooleanField(_("The cause is a late renewal of the CE mark"))
    alternatives = TextAreaField(_("Alternatives that were looked for"), validators=[Optional(), Length(max=_POINT)])
    left_out = SelectMultipleField(
        _("Attached documents that do not go with the dossier"),
        validators=[Optional()],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )

    def typed(self, patient_id: UUID | None) -> RequestFile:
        """Return what was typed."""
        return RequestFile(
            designation=words(self.designation),
            domain=Domain(self.domain.data),
            manufacturer_id=UUID(self.manufacturer_id.data) if self.manufacturer_id.data else None,
            operator=words(self.operator),
            patient_id=patient_id,
            implanted_system=words(self.implanted_system),
            references=tuple(dict.fromkeys(lines_of(self.references))),
            points={point.code: words(self[point.code]) for point in POINTS if words(self[point.code])},
            from_operator=frozenset(
                point.code for point in POINTS if point.from_operator and self[from_operator_of(point.code)].data
            ),
            alternatives=tuple(_alternative(line) for line in lines_of(self.alternatives)),
            is_late_renewal=self.is_late_renewal.data,
            left_out=frozenset(UUID(one) for one in self.left_out.data or ()),
        )


def from_operator_of(code: str) -> str:
    """Return the name of the box that says that the operator brings a point."""
    return f"{code}_from_operator"


for _point in POINTS:
    setattr(
        FileForm,
        _point.code,
        TextAreaField(_(_point.title), description=_(_point.help), validators=[Optional(), Length(max=_POINT)]),
    )
    if _point.from_operator:
        setattr(FileForm, from_operator_of(_point.code), BooleanField(_("The market operator brings this point")))


def values_of(file: RequestFile, *, ipp: str) -> dict[str, Any]:
    """Return a file as the form shows it."""
    return {
        "designation": file.designation,
        "domain": file.domain.value,
        "manufacturer_id": str(file.manufacturer_id or ""),
        "operator": file.operator,
        "ipp": ipp,
        "implanted_system": file.implanted_system,
        "references": "\n".join(file.references),
        "is_late_renewal": file.is_late_renewal,
        "alternatives": "\n".join(f"{one.name} ; {one.why_not}".rstrip(" ;") for one in file.alternatives),
        "left_out": [str(one) for one in file.left_out],
        **{point.code: file.text(point.code) for point in POINTS},
        **{from_operator_of(code): True for code in file.from_operator},
    }


def _alternative(line: str) -> Alternative:
    name, _separator, why_not = line.partition(";")
    return Alternative(name.strip(), why_not.strip())


class AttachmentForm(FlaskForm):
    """One document to attach."""

    request_id = HiddenField()
    title = StringField(_("What the document is"), validators=[DataRequired(_("Type a title.")), Length(max=_LINE)])
    file = FileField(_("File"))
    names_patient = BooleanField(_("The document names the patient: it does not go to the operator"))

    def new_file(self) -> NewFile:
        """Return the file; an absent one is empty and is refused by the service."""
        return read_upload(self.file, DocumentKind.REQUEST_ATTACHMENT) or NewFile(
            DocumentKind.REQUEST_ATTACHMENT, "", "document", b"", has_patient_data=False
        )


class StepForm(FlaskForm):
    """One step of a request."""

    request_id = HiddenField()
    version = HiddenField()
    kind = HiddenField()
    happened_on = DateField(_("Day"), validators=[DataRequired(_("Type a date."))])
    note = TextAreaField(_("Note"), validators=[Optional(), Length(max=_WORDS)])

    def day(self) -> date:
        """Return the day; a missing one is refused before, and by the rules again."""
        return self.happened_on.data or date.min


class AnswerForm(FlaskForm):
    """ANSM's answer, as its letter says it."""

    request_id = HiddenField()
    outcome = RadioField(
        _("ANSM's answer"),
        choices=[SelectChoice("granted", _("Granted")), SelectChoice("refused", _("Refused"))],
        validators=[DataRequired(_("Choose the answer."))],
    )
    happened_on = DateField(_("Received on"), validators=[DataRequired(_("Type a date."))])
    decided_on = DateField(_("Date of the letter"), validators=[Optional()])
    effective_from = DateField(_("First day of effect"), validators=[DataRequired(_("Type a date."))])
    valid_until = DateField(_("Last day of validity, included"), validators=[Optional()])
    reference = StringField(_("ANSM's number"), validators=[Optional(), Length(max=_LINE)])
    letter = FileField(_("Decision letter"))
    references = TextAreaField(_("References that the decision covers"), validators=[Optional(), Length(max=_POINT)])
    patient_cap = IntegerField(
        _("Greatest number of patients"), validators=[Optional(), NumberRange(1, 100_000, _("Type a number from 1."))]
    )
    legal_basis = StringField(_("Legal basis"), validators=[Optional(), Length(max=_LINE)])
    scope_text = TextAreaField(_("Scope in the decision's own words"), validators=[Optional(), Length(max=_WORDS)])
    note = TextAreaField(_("Note"), validators=[Optional(), Length(max=_WORDS)])

    def days(self) -> tuple[date, date]:
        """Return the day of receipt and the first day of effect; a missing one is refused before."""
        return self.happened_on.data or date.min, self.effective_from.data or date.min


def words(field: Any) -> str:  # noqa: ANN401 - any field with a text
    """Return what was typed, without outer spaces and NUL characters, which PostgreSQL cannot keep."""
    return (field.data or "").replace("\0", "").replace("\r\n", "\n").strip()


def lines_of(field: Any) -> list[str]:  # noqa: ANN401 - any field with a text
    """Return the lines that are not empty."""
    return [line.strip() for line in words(field).splitlines() if line.strip()]


def read_upload(field: FileField, kind: DocumentKind) -> NewFile | None:
    """Return an uploaded file, None where none was chosen; an empty one is kept, so that it can be refused."""
    upload = field.data
    if not upload or not upload.filename:
        return None
    return NewFile(kind, "", upload.filename, upload.read(), has_patient_data=False)
