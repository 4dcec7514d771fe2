"""Scans that wait on disk until the server has acknowledged them.

One file per scan, named by a UUIDv7, so that names sort by age and a scan that is sent twice is the same scan. A file
appears complete or not at all, and is on the disk before the next scan is taken: a power cut loses nothing.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import uuid_utils

_OWNER_ONLY_FOLDER = 0o700
_OWNER_ONLY_FILE = 0o600


@dataclass(frozen=True, slots=True)
class WaitingScan:
    """A scan that the server has not acknowledged."""

    scan_id: str
    raw: str


def new_scan(raw: str) -> WaitingScan:
    """Return the scan with an identity of its own, which also says when it was made (UUIDv7)."""
    return WaitingScan(str(uuid_utils.uuid7()), raw)


class Spool:
    """A folder of waiting scans, and beside them those the server refused, for a person to look at."""

    def __init__(self, folder: Path) -> None:
        self._waiting = folder / "waiting"
        self._refused = folder / "refused"
        for part in (folder, self._waiting, self._refused):
            part.mkdir(mode=_OWNER_ONLY_FOLDER, parents=True, exist_ok=True)

    def keep(self, scan: WaitingScan) -> None:
        """Write a scan to the disk; it is safe once this returns."""
        _write(self._waiting, scan.scan_id, {"scan_id": scan.scan_id, "raw": scan.raw})

    def waiting(self) -> Iterator[WaitingScan]:
        """Yield the waiting scans, oldest first; a damaged file is set aside, one that was sent meanwhile left out."""
        for path in sorted(self._waiting.glob("*.json")):
            try:
                fields = json.loads(path.read_bytes())
                yield WaitingScan(str(fields["scan_id"]), str(fields["raw"]))
            except FileNotFoundError:
                continue
            except (ValueError, KeyError, TypeError):
                path.rename(self._refused / path.name)

    def acknowledge(self, scan: WaitingScan) -> None:
        """Forget a scan that the server has."""
        self._path(scan).unlink(missing_ok=True)

    def refuse(self, scan: WaitingScan, answer: str) -> None:
        """Set aside a scan that the server will never take, with its answer."""
        _write(self._refused, scan.scan_id, {"scan_id": scan.scan_id, "raw": scan.raw, "answer": answer})
        self.acknowledge(scan)

    def refused_count(self) -> int:
        """Return how many scans were set aside."""
        return sum(1 for _path in self._refused.glob("*.json"))

    def _path(self, scan: WaitingScan) -> Path:
        return self._waiting / f"{scan.scan_id}.json"


def _write(folder: Path, name: str, fields: dict[str, str]) -> None:
    draft = folder / f"{name}.draft"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY_FILE)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        json.dump(fields, file)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(folder / f"{name}.json")
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    if not hasattr(os, "O_DIRECTORY"):  # pragma: no cover - Windows writes folders through
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
