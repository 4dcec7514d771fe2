"""Forms of the bench: what comes back, and what was seen of it."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField
from wtforms.validators import Length

from tracker.catalogue.forms import one_line
from tracker.delivery.rules import Inspected


class ReturnForm(FlaskForm):
    """One unit that comes back, and what was seen of it."""

    request_id = HiddenField()
    raw = StringField(_l("Label of the unit"), validators=[Length(max=5000)])
    doubt = StringField(_l("What is wrong"), validators=[Length(max=1000)])
    returned_by = StringField(_l("Brought back by"), validators=[Length(max=200)])

    def inspected(self) -> Inspected:
        """Return what was typed."""
        return Inspected(one_line(self.doubt.data), one_line(self.returned_by.data))
