"""Forms of the establishment, its wards and its recipients."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import DataRequired, Length

from tracker.organisation.rules import PURPOSE_LABELS, EstablishmentData, RecipientPurpose, WardData


class EstablishmentForm(FlaskForm):
    """What is printed and sent of the establishment."""

    name = StringField(_l("Name of the establishment"), validators=[DataRequired(_l("Write the name."))])
    finess = StringField(_l("FINESS number"), validators=[DataRequired(_l("Write the FINESS number."))])
    address = TextAreaField(_l("Address"), validators=[DataRequired(_l("Write the address."))])
    phone = StringField(_l("Telephone"), validators=[Length(max=50)])
    email = StringField(_l("E-mail address"), validators=[Length(max=254)])

    def entered(self) -> EstablishmentData:
        """Return what was typed."""
        return EstablishmentData(
            name=self.name.data or "",
            finess=self.finess.data or "",
            address=self.address.data or "",
            phone=self.phone.data or "",
            email=self.email.data or "",
        )


class WardForm(FlaskForm):
    """A ward or theatre."""

    request_id = HiddenField()
    code = StringField(_l("Code"), validators=[DataRequired(_l("Write the code.")), Length(max=30)])
    name = StringField(_l("Name"), validators=[DataRequired(_l("Write the name.")), Length(max=200)])
    is_active = BooleanField(_l("Units may be delivered to it"), default=True)

    def entered(self) -> WardData:
        """Return what was typed."""
        return WardData(self.code.data or "", self.name.data or "", is_active=bool(self.is_active.data))


class RecipientForm(FlaskForm):
    """An address that messages of one purpose go to."""

    request_id = HiddenField()
    purpose = SelectField(
        _l("What it receives"), choices=[SelectChoice(code.value, _l(label)) for code, label in PURPOSE_LABELS.items()]
    )
    email = StringField(_l("E-mail address"), validators=[DataRequired(_l("Write the address.")), Length(max=254)])

    def chosen_purpose(self) -> RecipientPurpose:
        """Return what the address receives."""
        return RecipientPurpose(self.purpose.data)
