"""A hospital on a database of its own, for tests that do it harm."""

from collections.abc import Iterator

import pytest

from tests.conftest import DatabaseMaker
from tests.installation import Installation, open_hospital, production_environ
from tracker.db import Database


@pytest.fixture(scope="module")
def hospital_name(make_database: DatabaseMaker) -> Iterator[str]:
    """Name of an empty database."""
    name = make_database.empty()
    yield name
    make_database.drop(name)


@pytest.fixture(scope="module")
def installation(
    make_database: DatabaseMaker, hospital_name: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """An installation in production, on PostgreSQL beside it."""
    urls = make_database.app_url(hospital_name), make_database.owner_url(hospital_name)
    made = Installation(tmp_path_factory.mktemp("var"), production_environ(*urls))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def hospital(installation: Installation) -> Iterator[Database]:
    """Its database, with people and things."""
    database = open_hospital(installation)
    yield database
    database.dispose()
