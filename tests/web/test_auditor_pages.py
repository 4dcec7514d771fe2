"""What an auditor reads of goods-in and stock: everything that was recorded, and no button that would change it."""

import re
from collections.abc import Callable

import pytest

from tests.everything import one_of_everything
from tests.hospital import ALICE, FANNY, HOSPITAL_A
from tests.web.conftest import Person
from tracker import db

LogIn = Callable[[object], Person]
_MAIN = re.compile(r"<main.*?</main>", re.DOTALL)
_CHANGES = re.compile(r'<form[^>]*method="post"|data-scan-box')
PAGES = (
    "/receptions",
    "/receptions/{reception_id}",
    "/receptions/{reception_id}/announced",
    "/receptions/{reception_id}/conditions",
    "/receptions/{reception_id}/reasons",
    "/receptions/{reception_id}/closing",
    "/receptions/{reception_id}/unused",
    "/unidentified",
    "/unidentified/{item_id}",
    "/counts",
    "/counts/{count_id}",
    "/findings",
    "/labels",
    "/units/{number}",
    "/holds",
)


@pytest.mark.parametrize("address", PAGES)
def test_an_auditor_reads_it_and_can_change_nothing(person: LogIn, database: db.Database, address: str) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        known = one_of_everything(session)

    page = person(FANNY).get(address.format(**known))

    assert page.status_code == 200
    main = _MAIN.search(page.text)
    assert main is not None
    assert not _CHANGES.search(main[0])


def test_an_auditor_reads_what_was_announced_and_seen(person: LogIn) -> None:
    alice, fanny = person(ALICE), person(FANNY)
    opened = alice.post("/receptions/new", {"supplier": "Amplitude", "request_id": str(db.new_id())})
    address = opened.headers["Location"]
    alice.post(f"{address}/announced", {"step": "keep", "lines": "R-77;L5;3", "request_id": str(db.new_id())})
    seen = {"parcel": "damaged", "seals": "good", "temperature": "not_checked", "remark": "wet corner"}
    alice.post(f"{address}/conditions", seen | {"request_id": str(db.new_id())})

    announced, conditions = fanny.get(f"{address}/announced").text, fanny.get(f"{address}/conditions").text

    assert "R-77" in announced
    assert "L5" in announced
    assert "wet corner" in conditions
