"""What a browser sends with a scan: the text, the physical keys, and which workstation it stands at."""

from datetime import date
from uuid import UUID

from flask import request
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField
from wtforms.validators import DataRequired, Length

from scanners.readers.keyboards import KeyPress
from tracker.db import Session
from tracker.workstations import queries, rules
from tracker.workstations.rules import Capture

WORKSTATION_COOKIE = "trace59_workstation"


def chosen_workstation() -> UUID | None:
    """Return the workstation that this browser was told it stands at; what is no UUID counts as nothing."""
    try:
        return UUID(request.cookies.get(WORKSTATION_COOKIE, ""))
    except ValueError:
        return None


def sent_presses() -> tuple[KeyPress, ...]:
    """Return the physical keys that came with the present form."""
    return rules.read_presses(request.form.get("keys", ""))


def read_typed(session: Session, raw: str, *, today: date) -> Capture:
    """Return what was meant by the text of a scan box, by the calibration of the browser's workstation.

    Args:
        session: a transaction of the establishment.
        raw: the text as it arrived in the box.
        today: Paris calendar.
    """
    reader = queries.find_reader(session, chosen_workstation())
    return reader.read(raw, today=today, keyed=rules.keyed_text(sent_presses()))


class WorkstationForm(FlaskForm):
    """A workstation to name."""

    request_id = HiddenField()
    name = StringField(
        _l("Name of this workstation"),
        validators=[DataRequired(_l("Write a name that people know this computer by.")), Length(max=80)],
    )
