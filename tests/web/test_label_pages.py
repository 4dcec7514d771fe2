"""Printing the labels of units, through the pages."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from tests.hospital import ALICE, HOSPITAL_A
from tests.stock import make_definition, make_unit
from tests.web.conftest import Person
from tracker import db
from tracker.labels.models import LabelPrint

LogIn = Callable[[object], Person]


@pytest.mark.parametrize("paper", ["roll", "sheet21", "sheet24", "unknown"])
def test_a_label_is_printed_as_pdf_and_logged(person: LogIn, database: db.Database, paper: str) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        number = make_unit(session, make_definition(session, reference="R2", udi_di=None)).number

    answer = person(ALICE).post(f"/units/{number}/label", {"paper": paper, "request_id": str(db.new_id())})

    with db.transaction(database, HOSPITAL_A) as session:
        printed = session.scalar(select(func.count()).select_from(LabelPrint))
    assert answer.status_code == 200
    assert answer.content_type == "application/pdf"
    assert answer.data.startswith(b"%PDF-")
    assert printed == 1
