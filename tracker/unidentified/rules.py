"""Why a box is put aside, what may become of it, and what must be known of either. Pure."""

import enum
from collections.abc import Mapping

from tracker.errors import N_, InvalidInput


class Cause(enum.StrEnum):
    """Why a box could not be identified. Stored: a change needs a migration."""

    UNREADABLE = "unreadable"
    UNKNOWN = "unknown"
    NO_CODE = "no_code"
    CONTRADICTION = "contradiction"
    OTHER = "other"


class Disposition(enum.StrEnum):
    """What became of an item. Stored: a change needs a migration."""

    RECEIVED = "received"
    RETURNED = "returned"
    DESTROYED = "destroyed"
    OTHER = "other"


CAUSE_LABELS: Mapping[Cause, str] = {
    Cause.UNREADABLE: N_("The code cannot be read"),
    Cause.UNKNOWN: N_("The catalogue does not know it"),
    Cause.NO_CODE: N_("There is no code on it"),
    Cause.CONTRADICTION: N_("Code and print contradict each other"),
    Cause.OTHER: N_("Another reason"),
}
DISPOSITION_LABELS: Mapping[Disposition, str] = {
    Disposition.RECEIVED: N_("Identified and received"),
    Disposition.RETURNED: N_("Sent back to the supplier"),
    Disposition.DESTROYED: N_("Box destroyed"),
    Disposition.OTHER: N_("Something else"),
}
BY_HAND = (Disposition.RETURNED, Disposition.DESTROYED, Disposition.OTHER)
"""What a person states; a receipt states itself."""


class ItemIncomplete(InvalidInput):
    """What was put aside lacks its place, or anything by which it will be known again."""

    code = "unidentified-incomplete"


class ReasonMissing(InvalidInput):
    """What became of an item needs a written reason."""

    code = "unidentified-reason-missing"


def check_item(*, place: str, description: str, has_text: bool, has_photo: bool) -> None:
    """Check that a box put aside will be found, and known again.

    Raises:
        ItemIncomplete: its place is missing, or text, photo and description all are.
    """
    fields: dict[str, str] = {}
    if not place.strip():
        fields["place"] = N_("Write where the box lies.")
    if not (description.strip() or has_text or has_photo):
        fields["photo"] = N_("Add a photo, or describe the box.")
    if fields:
        raise ItemIncomplete(N_("Something is missing."), fields=fields, next_step=N_("Complete the fields below."))


def check_reason(reason: str) -> None:
    """Check that a reason was written.

    Raises:
        ReasonMissing: it was not.
    """
    if not reason.strip():
        raise ReasonMissing(
            N_("What became of the box needs a reason."),
            fields={"reason": N_("Write the reason, for whoever asks later.")},
        )
