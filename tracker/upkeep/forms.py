"""Forms of updates and moves; photos as they arrive."""

import base64
import binascii

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from werkzeug.datastructures import FileStorage
from wtforms import DateField, FileField, HiddenField, RadioField, StringField, TextAreaField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3
from wtforms.validators import DataRequired, Length

from scanners.readers.isolation import read_isolated
from tracker.catalogue.forms import words
from tracker.errors import N_, InvalidInput
from tracker.upkeep.rules import CHANGE_LABELS, Change, NewPhoto, NewPlace, NewUpdate

_PHOTO_SECONDS = 12.0
"""Longest time to look for a patient's label on one photo."""


class PhotoUndecodable(InvalidInput):
    """The photo is no Base64."""

    code = "photo-not-base64"


def texts_on(photo: bytes) -> tuple[str, ...]:
    """Return what a decoder reads on a photo, so that a patient's label on it is seen before anything is kept."""
    if not photo:
        return ()
    return tuple([symbol.wedge_text for symbol in read_isolated(photo, timeout_seconds=_PHOTO_SECONDS).symbols])


def decoded(photo: str) -> bytes:
    """Return the bytes of a photo that a program sent.

    Raises:
        PhotoUndecodable: it is no Base64.
    """
    try:
        return base64.b64decode(photo, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PhotoUndecodable(
            N_("The photo is not in Base64."), fields={"photo": N_("Send the file's bytes in Base64 (RFC 4648).")}
        ) from error


def sent_photo(file: FileStorage | None) -> NewPhoto | None:
    """Return the photo that a person sent, None where none was chosen."""
    if file is None or not file.filename:
        return None
    content = file.read()
    return NewPhoto(content, file.filename, texts_on(content))


class PhotoForm(FlaskForm):
    """A photo of a unit."""

    request_id = HiddenField()
    photo = FileField(_l("Photo"), validators=[DataRequired(_l("Choose a photo."))])


class UpdateForm(FlaskForm):
    """A new version of software."""

    request_id = HiddenField()
    version = StringField(
        _l("New version"), validators=[DataRequired(_l("Write the version as the program shows it.")), Length(max=100)]
    )
    change = RadioField(
        _l("What it changes, as the manufacturer states"),
        validators=[DataRequired(_l("Say what the manufacturer states; if nobody asked, “Not known”."))],
        choices=[],
    )
    installed_on = DateField(_l("Installed on"), validators=[DataRequired(_l("Give the day."))])
    note = TextAreaField(_l("Note"), validators=[Length(max=1000)])

    def offer(self) -> None:
        """Offer the kinds of change."""
        self.change.choices = [SelectChoice(code.value, _(label)) for code, label in CHANGE_LABELS.items()]

    def new(self) -> NewUpdate:
        """Return what was typed."""
        return NewUpdate(words(self.version), Change(self.change.data), self.installed_on.data, self.note.data or "")


class PlaceForm(FlaskForm):
    """Another place of equipment or software."""

    request_id = HiddenField()
    place = StringField(
        _l("Where the device stands now"), validators=[DataRequired(_l("Write where it stands.")), Length(max=200)]
    )
    moved_on = DateField(_l("Standing there since"), validators=[DataRequired(_l("Give the day."))])
    note = TextAreaField(_l("Note"), validators=[Length(max=1000)])

    def new(self) -> NewPlace:
        """Return what was typed."""
        return NewPlace(words(self.place), self.moved_on.data, self.note.data or "")
