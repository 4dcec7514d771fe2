"""What is typed about a delivery."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from uuid import UUID

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    DateField,
    DecimalField,
    FileField,
    HiddenField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import DataRequired, Length, Optional

from tracker.arrivals import rules
from tracker.arrivals.models import Announcement, ArrivalCondition
from tracker.arrivals.queries import NewReason, NewReception, lines_of
from tracker.arrivals.rules import (
    COLDEST,
    HOTTEST,
    OWNERSHIP_LABELS,
    SEEN_LABELS,
    TEMPERATURE_LABELS,
    Conditions,
    Ownership,
    Seen,
)
from tracker.imports.documents import read_rows


class ReceptionForm(FlaskForm):
    """A delivery to open."""

    request_id = HiddenField()
    supplier = StringField(_l("Supplier"), validators=[DataRequired(_l("Write the supplier.")), Length(max=200)])
    delivery_note = StringField(_l("Delivery note"), validators=[Length(max=100)])
    order_number = StringField(_l("Order"), validators=[Length(max=100)])
    ownership = RadioField(
        _l("Whose are the devices?"),
        choices=[SelectChoice(one.value, _l(label)) for one, label in OWNERSHIP_LABELS.items()],
        default=Ownership.OWN.value,
    )
    note = TextAreaField(_l("Remarks"), validators=[Length(max=1000)])

    def new(self) -> NewReception:
        """Return what was typed."""
        return NewReception(
            supplier=_text(self.supplier.data),
            delivery_note=_text(self.delivery_note.data),
            order_number=_text(self.order_number.data),
            note=_text(self.note.data),
            ownership=Ownership(self.ownership.data),
        )


_AS_FIGURES = str.maketrans({",": ".", "\N{MINUS SIGN}": "-"})


class _Degrees(DecimalField):
    """A temperature in degrees Celsius, with a comma or a point."""

    def process_formdata(self, valuelist: list[str]) -> None:
        super().process_formdata(
            [value.strip().replace(",", ".").replace("\N{MINUS SIGN}", "-") for value in valuelist]
        )
        if self.data is not None and not self.data.is_finite():
            self.data = None
            raise ValueError(_l("Write a number, such as 7.5."))


def _seen(label: str, words: Mapping[Seen, str] = SEEN_LABELS) -> RadioField:
    choices = [SelectChoice(one.value, _l(word)) for one, word in words.items()]
    return RadioField(label, choices=choices, default=Seen.NOT_CHECKED.value)


class ConditionsForm(FlaskForm):
    """How a delivery looks on arrival."""

    request_id = HiddenField()
    parcel = _seen(_l("Parcel"))
    seals = _seen(_l("Seals and sterile packaging"))
    temperature = _seen(_l("Temperature during transport"), TEMPERATURE_LABELS)
    measured = _Degrees(_l("Measured, °C"), places=1, validators=[Optional()])
    lowest = _Degrees(_l("Lowest allowed, °C"), places=1, validators=[Optional()])
    highest = _Degrees(_l("Highest allowed, °C"), places=1, validators=[Optional()])
    remark = TextAreaField(_l("Remarks"), validators=[Length(max=1000)])

    def show(self, recorded: ArrivalCondition) -> None:
        """Fill in what was recorded last; the remark is written anew."""
        self.parcel.data, self.seals.data = recorded.parcel.value, recorded.seals.value
        self.temperature.data = recorded.temperature.value
        self.measured.data, self.lowest.data, self.highest.data = recorded.measured, recorded.lowest, recorded.highest

    def seen(self) -> Conditions:
        """Return what was typed; the form is valid."""
        return Conditions(
            Seen(self.parcel.data),
            Seen(self.seals.data),
            Seen(self.temperature.data),
            _rounded(self.measured.data),
            _rounded(self.lowest.data),
            _rounded(self.highest.data),
            _text(self.remark.data),
        )


def _rounded(value: Decimal | None) -> Decimal | None:
    """Return a temperature as it is kept, to a tenth of a degree; one that is far too large is left to the rules."""
    is_small = value is not None and COLDEST <= value <= HOTTEST
    return value.quantize(Decimal("0.1")) if value is not None and is_small else value


class AnnouncedForm(FlaskForm):
    """What a delivery is to hold, one line each, and a file to add to it."""

    request_id = HiddenField()
    replaces = HiddenField()
    lines = TextAreaField(_l("Expected lines"))
    file = FileField(_l("Add the lines of a file, CSV or XLSX"))

    def show(self, announcement: Announcement | None) -> None:
        """Fill in the list that counts now."""
        self.replaces.data = str(announcement.id) if announcement else ""
        self.lines.data = _written((one.reference, one.lot, str(one.count)) for one in lines_of(announcement))

    def add_file(self, content: bytes, *, filename: str = "") -> None:
        """Add the lines of a file to those that were typed, the wrong ones too: they are put right in the page.

        Raises:
            FileUnreadable: it is no table.
            AnnouncedColumnsMissing: its first line does not name the columns.
            AnnouncedTooLong: it has too many lines.
        """
        rows = read_rows(content, filename=filename)
        picked = rules.pick_columns(next(rows, []), rows)
        self.lines.data = "\n".join(text for text in ((self.lines.data or "").strip(), _written(picked)) if text)

    def rows(self) -> list[list[str]]:
        """Return the cells of the lines as they stand, separated by a semicolon or, when pasted, by a tabulator."""
        lines = [line for line in (self.lines.data or "").replace("\x00", " ").splitlines() if line.strip()]
        return [_cells(line) for line in lines]


def _cells(line: str) -> list[str]:
    separator = "\t" if "\t" in line else ";"
    return [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]


def _written(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as they stand in the text box."""
    text = io.StringIO()
    csv.writer(text, delimiter=";", lineterminator="\n").writerows(rows)
    return text.getvalue().strip()


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
