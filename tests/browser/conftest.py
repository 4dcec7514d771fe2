"""A hospital in production on loopback, its mail server, and the browser that walks through it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.chromium import OPTIONS, find_chromium
from tests.browser.hospital import Hospital, Mailbox
from tests.conftest import DatabaseMaker
from tests.installation import Installation, open_hospital, production_environ


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=find_chromium(), args=list(OPTIONS))
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    """Mail server on loopback."""
    with Mailbox() as opened:
        yield opened


@pytest.fixture(scope="module")
def hospital(
    make_database: DatabaseMaker, mailbox: Mailbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hospital]:
    """The production server with its database, open for whoever logs in."""
    name = make_database.empty()
    environ = {
        **production_environ(make_database.app_url(name), make_database.owner_url(name)),
        "TRACE59_MAIL_TRANSPORT": "smtp",
        "TRACE59_MAIL_FROM": "trace59@hopital.test",
        "TRACE59_SMTP_HOST": "127.0.0.1",
        "TRACE59_SMTP_PORT": str(mailbox.port),
        "TRACE59_SMTP_SECURITY": "none",
    }
    installation = Installation(tmp_path_factory.mktemp("var"), environ)
    database = open_hospital(installation)
    installation.start()
    yield Hospital(installation, database)
    installation.stop()
    database.dispose()
    make_database.drop(name)
