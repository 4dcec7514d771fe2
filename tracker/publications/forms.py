"""Forms of ANSM's list, and the words of its codes."""

from collections.abc import Mapping

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import DateField, HiddenField
from wtforms.validators import Optional

from tracker.errors import N_, InvalidInput
from tracker.publications.rules import LineKind

KIND_LABELS: Mapping[LineKind, str] = {
    LineKind.NEW: N_("New"),
    LineKind.EXTENDED: N_("Extended"),
    LineKind.ENDED: N_("No longer listed"),
    LineKind.REFERENCE_ADDED: N_("Reference added"),
    LineKind.REFERENCE_REMOVED: N_("Reference removed"),
    LineKind.EARLIER_END: N_("Ends earlier"),
    LineKind.NOT_UNDERSTOOD: N_("Not understood"),
}
EFFECT_LABELS: Mapping[LineKind, str] = {
    LineKind.NEW: N_("Approving enters the derogation, granted from the day of the list."),
    LineKind.EXTENDED: N_("Approving records an extension until that day."),
    LineKind.ENDED: N_("Approving records a withdrawal from today on: its units can no longer be received or used."),
    LineKind.REFERENCE_ADDED: N_("Approving adds the reference to the scope, from the day of the list."),
    LineKind.REFERENCE_REMOVED: N_("Approving takes the reference out of the scope, from the day of the list."),
}


class UploadForm(FlaskForm):
    """A file that holds ANSM's list."""

    request_id = HiddenField()
    file = FileField(_l("File"))
    listed_on = DateField(_l("Day of the list"), validators=[Optional()])

    def chosen(self) -> tuple[str, bytes]:
        """Return the name and the content of the uploaded file.

        Raises:
            InvalidInput: none was chosen.
        """
        upload = self.file.data
        if not upload or not upload.filename:
            raise InvalidInput(N_("No file was chosen."), fields={"file": N_("Choose the file.")})
        return upload.filename, upload.read()
