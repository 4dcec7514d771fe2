"""What is typed about a delivery."""

from collections.abc import Mapping
from uuid import UUID

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import DataRequired, Length

from tracker.arrivals.queries import NewReason, NewReception


class ReceptionForm(FlaskForm):
    """A delivery to open."""

    request_id = HiddenField()
    supplier = StringField(_l("Supplier"), validators=[DataRequired(_l("Write the supplier.")), Length(max=200)])
    delivery_note = StringField(_l("Delivery note"), validators=[Length(max=100)])
    order_number = StringField(_l("Order"), validators=[Length(max=100)])
    note = TextAreaField(_l("Remarks"), validators=[Length(max=1000)])

    def new(self) -> NewReception:
        """Return what was typed."""
        return NewReception(
            supplier=_text(self.supplier.data),
            delivery_note=_text(self.delivery_note.data),
            order_number=_text(self.order_number.data),
            note=_text(self.note.data),
        )


class ReasonForm(FlaskForm):
    """The written reason with which a clinician ordered."""

    request_id = HiddenField()
    derogation = SelectField(_l("Derogation"), validators=[DataRequired(_l("Choose the derogation."))], choices=[])
    clinician = StringField(_l("Clinician"), validators=[DataRequired(_l("Write who asked.")), Length(max=200)])
    written_on = DateField(_l("Written on"), validators=[DataRequired(_l("Write the day of the request."))])
    reason = TextAreaField(
        _l("Reason, as written"), validators=[DataRequired(_l("Copy the reason.")), Length(max=2000)]
    )

    def offer(self, designations: Mapping[UUID, str]) -> None:
        """Offer the global derogations of the register."""
        offered = [SelectChoice(str(id_), name) for id_, name in designations.items()]
        self.derogation.choices = [SelectChoice("", _l("Choose…")), *offered]

    def new(self) -> NewReason:
        """Return what was typed; the form is valid."""
        return NewReason(
            derogation_id=UUID(self.derogation.data),
            clinician_name=_text(self.clinician.data),
            written_on=self.written_on.data,
            reason=_text(self.reason.data),
        )


def _text(value: str | None) -> str:
    """Return a typed text in one piece: control characters become spaces, as no label carries them."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in value or "").strip()
