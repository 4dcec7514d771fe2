"""A short run of ``make endurance``: every parser takes whatever comes, and reads again what it wrote."""

from collections.abc import Callable

import pytest

from benchmarks.endurance import SUBJECTS, Failed, Subject, run
from scanners.udi import gtin


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_a_parser_endures_legal_spoilt_and_arbitrary_texts(subject: Subject) -> None:
    found = run(subject, 900, start=1)

    assert found.total() == 900
    assert found["read"] >= 280
    assert found["refused"] > 0


def broken(parse: Callable[[str], object], rewrite: Callable[[object], str] | None = None) -> Subject:
    return Subject("broken", lambda _random: "3700000000013", parse, rewrite, lambda first, second: first == second)


def test_an_exception_and_another_reading_the_second_time_are_failures() -> None:
    def fall(_text: str) -> object:
        raise KeyError

    for subject, says in (
        (broken(fall), "KeyError"),
        (broken(lambda text: text, lambda text: f"{text}1"), "otherwise the second time"),
        (broken(lambda text: text, lambda _text: str(1 // 0)), "on writing"),
        (broken(lambda text: gtin.parse(text[:-1])), "a legal label was"),
    ):
        with pytest.raises(Failed, match=says):
            run(subject, 12, start=1)
