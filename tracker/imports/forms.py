"""Form of a file to import."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import FileField, HiddenField


class ImportForm(FlaskForm):
    """A file of the catalogue."""

    request_id = HiddenField()
    file = FileField(_l("File, CSV or XLSX"))
