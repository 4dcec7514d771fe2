"""Every error has a category with a status, and a code of its own."""

import pkgutil
from collections import Counter
from importlib import import_module

import scanners
import tracker
from tracker.errors import CATEGORIES, TraceError
from tracker.http import STATUS_BY_ERROR, status_of


def every_error() -> list[type[TraceError]]:
    """Return every error of the program; all its modules are imported first."""
    for package in (tracker, scanners):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                import_module(module.name)
    found, waiting = [], [*CATEGORIES]
    while waiting:
        error = waiting.pop()
        found.append(error)
        waiting += error.__subclasses__()
    return found


def test_every_category_has_a_status() -> None:
    assert set(STATUS_BY_ERROR) == set(CATEGORIES)


def test_every_error_resolves_to_a_status_of_its_category() -> None:
    statuses = {error: status_of(error.__new__(error)) for error in every_error()}

    assert set(statuses.values()) <= {401, 403, 404, 409, 422, 503}


def test_every_error_has_a_code_of_its_own() -> None:
    inherited = [error.__name__ for error in every_error() if "code" not in vars(error)]
    twice = [code for code, count in Counter(error.code for error in every_error()).items() if count > 1]

    assert (inherited, twice) == ([], [])


def test_a_code_is_lower_case_words_with_hyphens() -> None:
    odd = [error.code for error in every_error() if not all(word.isalnum() for word in error.code.split("-"))]

    assert odd == []
    assert all(error.code == error.code.lower() for error in every_error())


def test_every_error_says_in_one_sentence_what_it_is() -> None:
    assert [error.__name__ for error in every_error() if not (error.__doc__ or "").strip()] == []
