"""Reads of the catalogue: paging, search."""

import pytest
from sqlalchemy.orm import Session

from tests.hospital import HOSPITAL_B, enter
from tests.stock import GTIN, make_definition
from tracker.catalogue import queries
from tracker.catalogue.queries import DefinitionNotFound


def test_the_catalogue_is_paged_by_reference(session: Session) -> None:
    for reference in ("R3", "R1", "R2"):
        make_definition(session, reference=reference, udi_di=None)

    first = queries.list_definitions(session, after=None, limit=2)
    rest = queries.list_definitions(session, after=queries.get_definition(session, first[-1].id), limit=2)

    assert [found.reference for found in [*first, *rest]] == ["R1", "R2", "R3"]


def test_the_catalogue_is_searched_by_beginning_of_reference_and_by_udi_di(session: Session) -> None:
    definition_id = make_definition(session, reference="1-020163C", udi_di=GTIN)
    make_definition(session, reference="2-1", udi_di=None)

    for text in ("1-02", GTIN):
        assert [found.id for found in queries.list_definitions(session, after=None, limit=9, text=text)] == [
            definition_id
        ]
    assert queries.list_definitions(session, after=None, limit=9, text="%") == []
    assert queries.list_identifiers(session, [definition_id]) == {definition_id: [GTIN]}


def test_a_definition_of_another_hospital_does_not_exist_here(session: Session) -> None:
    definition_id = make_definition(session)
    session.expunge_all()
    enter(session, HOSPITAL_B)

    with pytest.raises(DefinitionNotFound):
        queries.get_definition(session, definition_id)
