"""The five categories of errors; slices subclass them where they raise.

::

    TraceError
    ├── InvalidInput   malformed, missing or unreadable input
    ├── NotPermitted   the actor lacks a permission
    ├── NotFound       absent, or not visible to the actor
    ├── Conflict       state or version does not allow it
    └── RuleRefused    a safety rule refuses; nothing was written

The category carries the meaning; ``tracker/http.py`` alone knows the status numbers. The text is marked with ``N_`` and
translated where it is shown; ``data`` fills its placeholders.
"""

from collections.abc import Mapping


def N_(message: str) -> str:
    """Mark a text for translation without translating it: the language is known only where it is shown."""
    return message


class TraceError(Exception):
    """An error the user can act on. ``code`` is stable, unique, and part of the API."""

    code = "error"

    def __init__(self, message: str, *, next_step: str = "", **data: object) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.data: Mapping[str, object] = data

    def __str__(self) -> str:
        return self.message % self.data if self.data else self.message


class InvalidInput(TraceError):
    """What was typed, scanned or sent cannot be read. ``fields`` names each field and its sentence."""

    code = "input-invalid"

    def __init__(
        self, message: str, *, fields: Mapping[str, str] | None = None, next_step: str = "", **data: object
    ) -> None:
        super().__init__(message, next_step=next_step, **data)
        self.fields: Mapping[str, str] = fields or {}


class NotPermitted(TraceError):
    """The actor lacks a permission."""

    code = "not-permitted"


class NotFound(TraceError):
    """There is no such thing, or the actor may not see it: the two are not told apart."""

    code = "not-found"


class Conflict(TraceError):
    """The state of the thing, or somebody else's change, does not allow the action."""

    code = "conflict"


class RuleRefused(TraceError):
    """A safety rule refuses; nothing was written."""

    code = "rule-refused"


CATEGORIES = (InvalidInput, NotPermitted, NotFound, Conflict, RuleRefused)


class RequestIdReused(Conflict):
    """The number of this request already belongs to another action: one number, one action."""

    code = "request-id-reused"


def check_same_request(*, is_same: bool) -> None:
    """Check that a request that arrives again asks for what it asked the first time.

    Raises:
        RequestIdReused: its number belongs to another action.
    """
    if not is_same:
        raise RequestIdReused(
            N_("This request number was already used for something else. Nothing was written."),
            next_step=N_("Reload the page and do it again."),
        )
