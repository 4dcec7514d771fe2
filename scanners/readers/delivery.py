"""Send a scan to the server: one POST, whose answer is one of three."""

import enum
import http.client
import ipaddress
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from scanners.readers.spool import WaitingScan

_ANSWER_SECONDS = 15.0
# The request itself is at fault: sent again it would be refused again. 401, 403, 404, 408, 429 are not: a token, an
# address or a server can be put right while the scan waits.
_FINAL_REFUSALS = frozenset({400, 409, 413, 415, 422})
_LONGEST_ANSWER = 2000


class Outcome(enum.Enum):
    """What became of a scan that was sent."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    NOT_NOW = "not now"


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome and what the server, or the network, said."""

    outcome: Outcome
    detail: str


class InsecureAddress(ValueError):
    """The address would send token and scans unencrypted over the network."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where scans go.

    Attributes:
        url: address that takes scans, ``https://…/api/v1/scans``; ``http`` only on this machine.
        token: of an API account that may scan.
        workstation: id of the workstation whose calibration the scans are read by; None where there is none.
    """

    url: str
    token: str
    workstation: str | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if not parts.hostname or parts.scheme not in {"http", "https"}:
            raise InsecureAddress("the address must be like https://hospital.example/api/v1/scans")
        if parts.scheme == "http" and not _is_this_machine(parts.hostname):
            raise InsecureAddress("the address must begin with https: the token would be readable on the network")


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def send(scan: WaitingScan, destination: Destination) -> Answer:
    """Send one scan; the server knows it again by its id when it comes twice.

    The body is that of ``POST /api/v1/receptions/<id>/lines``: a delivery that is open receives box after box.

    Args:
        scan: what was scanned.
        destination: where to.

    Returns:
        Acknowledged (the server has it), refused (it will never take it), or not now (anything else: keep it).
    """
    parts = urlsplit(destination.url)
    make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    body = {"id": scan.scan_id, "text": scan.raw}
    if destination.workstation is not None:
        body["workstation_id"] = destination.workstation
    connection = make(parts.hostname or "", parts.port, timeout=_ANSWER_SECONDS)
    try:
        connection.request(
            "POST",
            parts.path or "/",
            body=json.dumps(body),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {destination.token}"},
        )
        response = connection.getresponse()
        said = response.read(_LONGEST_ANSWER).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        return Answer(Outcome.NOT_NOW, f"the server does not answer: {error}")
    finally:
        connection.close()
    return Answer(_outcome(response.status), f"{response.status} {response.reason}: {said}")


def _outcome(status: int) -> Outcome:
    if http.HTTPStatus.OK <= status < http.HTTPStatus.MULTIPLE_CHOICES:
        return Outcome.ACKNOWLEDGED
    return Outcome.REFUSED if status in _FINAL_REFUSALS else Outcome.NOT_NOW
