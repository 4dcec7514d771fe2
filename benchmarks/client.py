"""A closed-loop client: each connection sends its next request when the last answer is there."""

import http.client
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import quantiles

Request = tuple[str, str, bytes | None, dict[str, str]]
"""Method, path, body, headers."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one action took."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    per_second: float


class Refused(Exception):
    """A measured request was not answered as it must be: the figure would be a lie."""


def one_request(connection: http.client.HTTPConnection, request: Request) -> float:
    """Send one request and return how long the answer took, in seconds.

    Raises:
        Refused: it was not answered as it must be.
    """
    method, path, body, headers = request
    start = time.perf_counter()
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    elapsed = time.perf_counter() - start
    if answer.status not in {200, 201}:
        raise Refused(f"{method} {path}: {answer.status} {content[:300]!r}")
    return elapsed


def warm_up(port: int, next_request: Callable[[], Request], *, times: int = 10) -> None:
    """Let every worker process answer once before anything is measured."""
    for _turn in range(times):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        one_request(connection, next_request())
        connection.close()


def measure(port: int, next_request: Callable[[], Request], *, clients: int, seconds: float) -> Figures:
    """Drive ``clients`` connections for ``seconds`` and return the figures."""
    times: list[list[float]] = [[] for _ in range(clients)]
    failures: list[Exception] = []
    stop = time.perf_counter() + seconds

    def run(own: list[float]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            while time.perf_counter() < stop:
                own.append(one_request(connection, next_request()))
        except (Refused, OSError, http.client.HTTPException) as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(own,)) for own in times]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    elapsed = time.perf_counter() - start
    every = sorted(1000 * value for own in times for value in own)
    cuts = quantiles(every, n=100, method="inclusive")
    return Figures(cuts[49], cuts[94], cuts[98], len(every) / elapsed)
