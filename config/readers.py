"""Typed readers of environment variables. They collect what is wrong, so that one start tells everything at once."""

import base64
import binascii
import difflib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

_KEY_BYTES = 32
_FEWEST_DISTINCT_BYTES = 10  # 32 random bytes hold about 30 distinct ones; a zero or typed key holds few
_MOST_WARNING_DAYS = 3650
_POSTGRESQL_SCHEMES = {"postgresql", "postgres", "postgresql+psycopg"}
_PREFIX = "TRACE59_"
_FILE = "_FILE"

T = TypeVar("T")
L = TypeVar("L", bound=str)


class SettingsInvalid(Exception):
    """The environment does not make a safe installation. The text has one sentence for each variable."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Reader:
    """Reads variables by name, and collects one sentence for each that is missing or odd in ``problems``."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.problems: list[str] = []
        self.invented: Mapping[str, str] = {}
        """Secrets to use where the environment gives none."""
        self._environ = environ
        self._known: set[str] = set()

    def text(self, name: str, *, default: str = "") -> str:
        """Return a value without surrounding spaces; an empty one counts as absent."""
        self._known.add(name)
        direct = self._environ.get(name, "").strip()
        path = self._environ.get(name + _FILE, "").strip()
        if path and direct:
            self.problems.append(f"{name}: given twice, directly and as {name}{_FILE}; keep one")
        return (self._read_file(name, path) if path else direct) or default

    def _read_file(self, name: str, path: str) -> str:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            self.problems.append(f"{name}{_FILE}: the file cannot be read ({type(error).__name__})")
            return ""

    def choice(self, name: str, default: L, *others: L) -> L:
        """Return one of the values allowed; the first is the default."""
        value = self.text(name, default=default)
        for allowed in (default, *others):
            if value == allowed:
                return allowed
        self.problems.append(f"{name}: '{value}' is not one of {', '.join((default, *others))}")
        return default

    def number(self, name: str, *, default: int, least: int, most: int) -> int:
        """Return a whole number within its bounds."""
        value = self.text(name, default=str(default))
        if value.isascii() and value.isdigit() and least <= int(value) <= most:
            return int(value)
        self.problems.append(f"{name}: '{value}' is not a whole number from {least} to {most}")
        return default

    def truth(self, name: str, *, default: bool) -> bool:
        """Return True for ``true``, False for ``false``; nothing else is guessed."""
        value = self.text(name, default=str(default).lower())
        if value not in {"true", "false"}:
            self.problems.append(f"{name}: '{value}' is neither true nor false")
        return value == "true"

    def days(self, name: str, *, default: tuple[int, ...]) -> tuple[int, ...]:
        """Return numbers of days, largest first, none twice."""
        value = self.text(name, default=",".join(map(str, default)))
        parts = [part.strip() for part in value.split(",")]
        if all(part.isascii() and part.isdigit() and int(part) <= _MOST_WARNING_DAYS for part in parts):
            return tuple(sorted({int(part) for part in parts}, reverse=True))
        self.problems.append(f"{name}: '{value}' is not a list of days such as 30,7,0")
        return default

    def address(self, name: str, *, default: str) -> str:
        """Return a mail address; only its plain form is checked."""
        value = self.text(name, default=default)
        local, at, domain = value.rpartition("@")
        if not (local and at and domain) or any(c.isspace() for c in value):
            self.problems.append(f"{name}: '{value}' is not a mail address")
        return value

    def database_url(self, name: str) -> str | None:
        """Return a PostgreSQL address for the psycopg 3 driver, or None; a refused one is not repeated (password)."""
        value = self.text(name)
        if not value:
            return None
        scheme, _, rest = value.partition("://")
        if scheme not in _POSTGRESQL_SCHEMES or not urlsplit(f"//{rest}").path.strip("/"):
            self.problems.append(f"{name}: not an address such as postgresql://role:password@server/database")
            return None
        return f"postgresql+psycopg://{rest}"

    def secret(self, name: str, read: Callable[[str], T], *, fallback: T) -> T:
        """Return a required secret; it is never repeated in a sentence."""
        value = self.text(name, default=self.invented.get(name, ""))
        if not value:
            self.problems.append(f"{name}: missing; production needs it, 'python -m tracker keys' prints a new one")
            return fallback
        try:
            return read(value)
        except ValueError as error:
            self.problems.append(f"{name}: {error}")
            return fallback

    def unknown_names(self) -> list[str]:
        """Return one sentence for each variable of ours that nothing reads: a typing error must not pass unseen."""
        known = self._known | {name + _FILE for name in self._known}
        unknown = sorted(name for name in self._environ if name.startswith(_PREFIX) and name not in known)
        return [f"{name}: there is no such setting{_suggestion(name, known)}" for name in unknown]


def _suggestion(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def read_key(value: str) -> bytes:
    """Return the 32 bytes that a base64 text stands for.

    Raises:
        ValueError: it is not base64, has another length, or is too regular to be random.
    """
    try:
        key = base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    if len(key) != _KEY_BYTES:
        raise ValueError(f"{len(key)} bytes long; it must be {_KEY_BYTES}")
    if len(set(key)) < _FEWEST_DISTINCT_BYTES:
        raise ValueError("too regular to be a random key")
    return key


def read_key_ring(value: str) -> tuple[tuple[int, bytes], ...]:
    """Return numbered keys, highest number first, from ``"1:<base64>,2:<base64>"``.

    Raises:
        ValueError: the form, a number or a key is wrong.
    """
    keys: dict[int, bytes] = {}
    for part in value.split(","):
        number, _, text = part.strip().partition(":")
        if not (number.isascii() and number.isdigit() and 0 < int(number) < 2**32):
            raise ValueError("each key is written <number>:<base64 of 32 bytes>, separated by commas")
        if int(number) in keys:
            raise ValueError(f"number {number} is given twice")
        keys[int(number)] = read_key(text)
    return tuple(sorted(keys.items(), reverse=True))
