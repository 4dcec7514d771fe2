"""The gate before a device is used: every condition of the design, section 1 step 7. Pure."""

import enum


class Side(enum.StrEnum):
    """Side of the body. Stored: a change needs a migration."""

    LEFT = "left"
    RIGHT = "right"
    NOT_APPLICABLE = "not_applicable"


class Intervention(enum.StrEnum):
    """What is done. Stored: a change needs a migration."""

    PARTIAL_REVISION = "partial_revision"
    FIRST_IMPLANTATION = "first_implantation"
    COMPLETE_REPLACEMENT = "complete_replacement"
    OTHER = "other"
