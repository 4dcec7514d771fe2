"""Forms of log-in, accounts and tokens."""

from datetime import timedelta

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    EmailField,
    HiddenField,
    IntegerField,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
)
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional, Regexp
from wtforms.widgets import CheckboxInput, ListWidget

from tracker.accounts.rules import (
    MAX_PASSWORD_LENGTH,
    MIN_PASSWORD_LENGTH,
    ROLE_LABELS,
    TOKEN_SCOPE_LABELS,
    TokenScope,
)
from tracker.actor import Role

_ADDRESS = r"^\s*[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\s*$"
"""HTML standard, section 4.10.5.1.5; a hospital's own network may have any domain."""

_ROLE_CHOICES = [SelectChoice(role.value, _l(label)) for role, label in ROLE_LABELS.items()]


class RolesField(SelectMultipleField):
    """Roles as a list of check boxes."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class LogInForm(FlaskForm):
    """Who logs in."""

    email = EmailField(_l("E-mail address"), validators=[DataRequired()])
    password = PasswordField(_l("Password"), validators=[DataRequired()])
    next = HiddenField()


class PersonForm(FlaskForm):
    """A new account."""

    request_id = HiddenField()
    given_name = StringField(_l("Given name"), validators=[DataRequired(), Length(max=100)])
    family_name = StringField(_l("Family name"), validators=[DataRequired(), Length(max=100)])
    email = EmailField(
        _l("E-mail address"),
        validators=[DataRequired(), Regexp(_ADDRESS, message=_l("This is not an e-mail address."))],
    )
    rpps = StringField(_l("RPPS number"), validators=[Optional(), Regexp(r"^[0-9]{11}$", message=_l("Eleven digits."))])
    roles = RolesField(_l("Roles"), choices=_ROLE_CHOICES, validators=[InputRequired(_l("Choose at least one role."))])
    locale = SelectField(_l("Language"), choices=[SelectChoice("fr", "Français"), SelectChoice("en", "English")])
    password = PasswordField(
        _l("First password"), validators=[DataRequired(), Length(min=MIN_PASSWORD_LENGTH, max=MAX_PASSWORD_LENGTH)]
    )


class RolesForm(FlaskForm):
    """What a person may do, and whether the account is open."""

    roles = RolesField(_l("Roles"), choices=_ROLE_CHOICES, validators=[InputRequired(_l("Choose at least one role."))])
    is_active = BooleanField(_l("The account is open"))


class PasswordForm(FlaskForm):
    """A new password that an administrator gives."""

    password = PasswordField(
        _l("New password"), validators=[DataRequired(), Length(min=MIN_PASSWORD_LENGTH, max=MAX_PASSWORD_LENGTH)]
    )


class OwnPasswordForm(PasswordForm):
    """A new password of one's own; the present one proves that it is still the same person."""

    present = PasswordField(_l("Present password"), validators=[DataRequired()])


class TokenForm(FlaskForm):
    """A new API token."""

    name = StringField(_l("Which program will use it?"), validators=[DataRequired(), Length(max=100)])
    scope = RadioField(
        _l("What may it do?"),
        choices=[SelectChoice(code.value, _l(label)) for code, label in TOKEN_SCOPE_LABELS.items()],
        default=TokenScope.GOODS_IN.value,
        validators=[InputRequired()],
    )
    days = IntegerField(_l("Days until it ends"), default=90, validators=[InputRequired(), NumberRange(1, 366)])


def text_of(field: StringField) -> str:
    """Return what was typed; a validated field holds a text."""
    return field.data or ""


def lifetime_of(form: TokenForm) -> timedelta:
    """Return how long a new token lasts."""
    return timedelta(days=form.days.data or 0)


def scope_of(form: TokenForm) -> TokenScope:
    """Return what a new token may be used for."""
    return TokenScope(form.scope.data)


def chosen_roles(field: SelectMultipleField) -> frozenset[Role]:
    """Return the roles that were checked."""
    return frozenset(Role(value) for value in field.data or [])
