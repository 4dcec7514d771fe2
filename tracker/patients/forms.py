"""Forms of patients."""

import unicodedata

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField, HiddenField, SelectField, StringField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import DataRequired, InputRequired, Length, Optional

from tracker.patients.rules import (
    IDENTITY_LABELS,
    INS_DEMONSTRATION_OID,
    INS_NIA_OID,
    INS_NIR_OID,
    INS_TEST_OID,
    SEX_LABELS,
    IdentityStatus,
    Sex,
    Traits,
)


class PatientForm(FlaskForm):
    """Strict traits, IPP and INS of a new patient."""

    request_id = HiddenField()
    ipp = StringField(_l("IPP"), validators=[DataRequired(), Length(max=40)])
    family_name = StringField(_l("Birth family name"), validators=[DataRequired(), Length(max=100)])
    given_names = StringField(_l("Birth given names"), validators=[DataRequired(), Length(max=100)])
    birth_date = DateField(_l("Birth date"), validators=[InputRequired()])
    sex = SelectField(
        _l("Sex"),
        choices=[SelectChoice("", "—"), *(SelectChoice(sex.value, _l(label)) for sex, label in SEX_LABELS.items())],
        validators=[InputRequired(_l("Choose the sex."))],
    )
    birth_place_code = StringField(_l("INSEE code of the birth place"), validators=[Optional(), Length(max=5)])
    used_name = StringField(_l("Used name"), validators=[Optional(), Length(max=100)])
    ins_matricule = StringField(_l("INS"), validators=[Optional(), Length(max=21)])
    ins_oid = SelectField(
        _l("Kind of INS"),
        choices=[
            SelectChoice(INS_NIR_OID, _l("NIR")),
            SelectChoice(INS_NIA_OID, _l("NIA")),
            SelectChoice(INS_TEST_OID, _l("test")),
            SelectChoice(INS_DEMONSTRATION_OID, _l("demonstration")),
        ],
    )
    identity_status = SelectField(
        _l("Trust in the identity"),
        choices=[SelectChoice(status.value, _l(label)) for status, label in IDENTITY_LABELS.items()],
    )

    def traits(self) -> Traits:
        """Return what was typed as traits; composed characters, without doubled or outer spaces."""
        matricule = "".join((self.ins_matricule.data or "").split()).upper()
        return Traits(
            family_name=_tidy(self.family_name.data),
            given_names=_tidy(self.given_names.data),
            birth_date=self.birth_date.data,
            sex=Sex(self.sex.data),
            ipp=_tidy(self.ipp.data),
            birth_place_code=_tidy(self.birth_place_code.data).upper(),
            used_name=_tidy(self.used_name.data),
            ins_matricule=matricule,
            ins_oid=self.ins_oid.data if matricule else "",
        )

    def status(self) -> IdentityStatus:
        """Return the chosen trust."""
        return IdentityStatus(self.identity_status.data)


def _tidy(text: str | None) -> str:
    return " ".join(unicodedata.normalize("NFC", text or "").split())
