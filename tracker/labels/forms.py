"""Forms of labels and of the papers they are printed on."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DecimalField, HiddenField, IntegerField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional

from tracker.labels.rules import Layout, Paper

_SIZE = [InputRequired(_l("Give a number of millimetres.")), NumberRange(0, 300, _l("Give a number of millimetres."))]
_DISTANCE = [Optional(), NumberRange(0, 300, _l("Give a number of millimetres."))]


class MillimetresField(DecimalField):
    """A length, with a comma or a point."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read what was typed."""
        super().process_formdata([value.replace(",", ".") for value in valuelist if value.strip()])


class PrintForm(FlaskForm):
    """Labels to print."""

    request_id = HiddenField()
    numbers = TextAreaField(
        _l("Unit numbers"),
        validators=[DataRequired(_l("Scan or type the numbers of the units, T59…")), Length(max=20000)],
    )
    paper = SelectField(_l("Paper"))
    used_positions = IntegerField(_l("Labels already gone from the first sheet"), validators=[Optional()])
    reason = StringField(_l("Reason for printing again"), validators=[Length(max=300)])

    def unit_numbers(self) -> tuple[str, ...]:
        """Return the numbers that were scanned or typed, in any separation."""
        return tuple((self.numbers.data or "").replace(",", " ").replace(";", " ").split())


class FormatForm(FlaskForm):
    """A paper of the establishment."""

    request_id = HiddenField()
    name = StringField(_l("Name"), validators=[DataRequired(_l("Write a name, as on the pack.")), Length(max=60)])
    paper = RadioField(
        _l("Paper"),
        choices=[SelectChoice(Paper.A4.value, _l("A4 sheets")), SelectChoice(Paper.ROLL.value, _l("Roll"))],
        default=Paper.A4.value,
    )
    width_mm = MillimetresField(_l("Width of a label, in mm"), validators=_SIZE)
    height_mm = MillimetresField(_l("Height of a label, in mm"), validators=_SIZE)
    columns = IntegerField(_l("Labels beside each other"), default=1, validators=[Optional(), NumberRange(1, 20)])
    rows = IntegerField(_l("Labels below each other"), default=1, validators=[Optional(), NumberRange(1, 40)])
    margin_top_mm = MillimetresField(_l("Top of the sheet to the first label, in mm"), validators=_DISTANCE)
    margin_left_mm = MillimetresField(_l("Left edge to the first label, in mm"), validators=_DISTANCE)
    gap_x_mm = MillimetresField(_l("Between columns, in mm"), validators=_DISTANCE)
    gap_y_mm = MillimetresField(_l("Between rows, in mm"), validators=_DISTANCE)

    def layout(self) -> Layout:
        """Return the sizes; only of a valid form. A roll has nothing but the size of its label."""
        if self.paper.data == Paper.ROLL:
            return Layout(Paper.ROLL, float(self.width_mm.data), float(self.height_mm.data))
        return Layout(
            paper=Paper.A4,
            width_mm=float(self.width_mm.data),
            height_mm=float(self.height_mm.data),
            columns=self.columns.data or 1,
            rows=self.rows.data or 1,
            margin_top_mm=float(self.margin_top_mm.data or 0),
            margin_left_mm=float(self.margin_left_mm.data or 0),
            gap_x_mm=float(self.gap_x_mm.data or 0),
            gap_y_mm=float(self.gap_y_mm.data or 0),
        )
