"""Keys that the demonstration makes for itself, once, and keeps in the var directory."""

import base64
import json
import os
import secrets
import tempfile
from pathlib import Path

_FILE_NAME = "keys.json"


def new_keys() -> dict[str, str]:
    """Return a fresh random value for every secret, by the name of its variable."""
    return {
        "TRACE59_SECRET_KEY": _random_key(),
        "TRACE59_DATA_KEYS": f"1:{_random_key()}",
        "TRACE59_LOOKUP_KEY": _random_key(),
        "TRACE59_AUDIT_SIGNING_KEY": _random_key(),
    }


def demonstration_keys(var_directory: Path) -> dict[str, str]:
    """Return the keys kept in ``var_directory/keys.json`` (mode 0600), made at the first call.

    Two processes that start together get the same keys: the file appears whole, and only once.
    """
    path = var_directory / _FILE_NAME
    if not path.exists():
        var_directory.mkdir(parents=True, exist_ok=True)
        _write_once(path, json.dumps(new_keys(), indent=2))
    kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return kept


def _write_once(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".keys-")  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(name, path)
    except FileExistsError:
        pass  # another process was faster; its keys are the ones to use
    finally:
        Path(name).unlink()


def _random_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()
