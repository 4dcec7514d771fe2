"""What an operation must say to be planned. Pure."""

from datetime import date

from tracker.errors import N_, InvalidInput


class PlanInvalid(InvalidInput):
    """A planned operation lies in the past, or names no device."""

    code = "operation-invalid"


def check_plan(day: date, *, today: date, names_device: bool) -> None:
    """Check that an operation can be planned.

    Raises:
        PlanInvalid: the day is past, or neither a derogation nor a reference is named.
    """
    fields = {}
    if day < today:
        fields["planned_on"] = N_("This day is past: record the use instead.")
    if not names_device:
        fields["derogation_id"] = N_("Choose the derogation, or type the reference of the device.")
    if fields:
        raise PlanInvalid(
            N_("The operation cannot be planned like this. Nothing was written."),
            fields=fields,
            next_step=N_("Correct the fields named below; what you typed is kept."),
        )
