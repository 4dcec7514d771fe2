"""Forms of what leaves the stock."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, RadioField, TextAreaField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import DataRequired, Length

from tracker.catalogue.forms import words
from tracker.devices.rules import UnitState
from tracker.dispositions.rules import DISPOSITION_LABELS, Disposition, NewDisposition, possible


class DispositionForm(FlaskForm):
    """What becomes of a unit, and why."""

    request_id = HiddenField()
    kind = RadioField(
        _l("What becomes of it"),
        choices=[SelectChoice(kind.value, _l(label)) for kind, label in DISPOSITION_LABELS.items()],
        validators=[DataRequired(_l("Choose what becomes of the unit."))],
    )
    reason = TextAreaField(_l("Reason"), validators=[DataRequired(_l("Write the reason.")), Length(max=1000)])

    def offer(self, state: UnitState) -> None:
        """Show what may be chosen for a unit in a state; everything where nothing may, and the act says why not."""
        shown = possible(state) or tuple(Disposition)
        self.kind.choices = [SelectChoice(kind.value, _l(DISPOSITION_LABELS[kind])) for kind in shown]

    def new(self) -> NewDisposition:
        """Return what was chosen and typed."""
        return NewDisposition(Disposition(self.kind.data), words(self.reason))


class WithdrawForm(FlaskForm):
    """Why a request is taken back."""

    reason = TextAreaField(_l("Reason"), validators=[DataRequired(_l("Write the reason.")), Length(max=1000)])
