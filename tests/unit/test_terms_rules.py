"""The scope on a day: both sides of each day, no effect of the recording order."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.terms import rules
from tracker.terms.rules import ScopeChangeKind, ScopeFacts

LOADED = datetime(2024, 3, 7, 8, 0, tzinfo=UTC)
LATER = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
FROM = date(2024, 3, 6)
END = date(2024, 7, 26)
ONE_DAY = timedelta(days=1)
KNOWN_DAYS = st.dates(date(2024, 1, 1), date(2024, 2, 15))
INSTANTS = st.datetimes(datetime(2024, 1, 1), datetime(2024, 2, 15)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001 - made aware at once
SCOPES = st.lists(
    st.builds(ScopeFacts, st.sampled_from("ABC"), st.sampled_from(ScopeChangeKind), KNOWN_DAYS, INSTANTS), max_size=9
)


@settings(deadline=None)
@given(SCOPES, KNOWN_DAYS, INSTANTS, st.randoms(use_true_random=False))
def test_the_scope_never_depends_on_the_order_of_recording(
    entries: list[ScopeFacts], day: date, known_at: datetime, random: object
) -> None:
    shuffled = list(entries)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert rules.references_on(shuffled, day, known_at=known_at) == rules.references_on(entries, day, known_at=known_at)


def test_a_reference_is_in_the_scope_from_its_day_until_the_day_it_leaves() -> None:
    entries = [
        ScopeFacts("1-020163C", ScopeChangeKind.ADDED, FROM, LOADED),
        ScopeFacts("1-020163C", ScopeChangeKind.REMOVED, END, LOADED),
    ]

    found = [
        bool(rules.references_on(entries, day, known_at=LATER)) for day in (FROM - ONE_DAY, FROM, END - ONE_DAY, END)
    ]

    assert found == [False, True, True, False]
    assert rules.references_on(entries, FROM, known_at=LOADED - timedelta(seconds=1)) == frozenset()
