"""Commands that act on what the program holds: the demonstration, the register, the trail, the first accounts."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import yaml

from config.logging import configure_logging
from config.settings import Settings
from tracker import clock, db, demonstration, diary, listing, serve
from tracker.accounts import service as accounts
from tracker.accounts.service import NewPerson
from tracker.actor import Role, system_actor
from tracker.app import keyring_of
from tracker.audit import service as audit_service
from tracker.db import Database
from tracker.organisation import queries as organisation_queries
from tracker.organisation import service as organisation
from tracker.organisation.models import Establishment
from tracker.organisation.service import NewEstablishment
from tracker.publications import service as publications

_CONFIG = Path(__file__).parent.parent / "config"
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """Open the database of settings whose server answers, and close its connections at the end."""
    database = db.create_database(str(settings.database_url), keyring_of(settings))
    try:
        yield database
    finally:
        database.dispose()


def read_settings() -> Settings:
    """Return the settings of the environment, and log as they say."""
    settings = Settings.from_env(os.environ)
    configure_logging(settings.log_level)
    return settings


@contextmanager
def opened() -> Iterator[tuple[Database, Settings]]:
    """Open the installation's database, starting the embedded server where there is one."""
    with serve.installation(read_settings()) as ready, open_database(ready.settings) as database:
        yield database, ready.settings


def read_yaml(path: Path) -> Any:  # noqa: ANN401 - any YAML
    """Return a YAML file's content."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def load_demonstration(database: Database) -> bool:
    """Load the demonstration hospital with what its people did; return whether it was new: all of it or nothing."""
    content, now = demonstration_content(), clock.utc_now()
    with db.transaction(database, demonstration.ESTABLISHMENT_ID) as session:
        is_new = demonstration.open_house(session, content, real_registers(), now=now)
        if is_new:
            diary.play(session, content, demonstration_diary(), now=now)
    return is_new


def load_house(database: Database) -> bool:
    """Load the demonstration hospital before anything was done in it; return whether it was new."""
    with db.transaction(database, demonstration.ESTABLISHMENT_ID) as session:
        return demonstration.open_house(session, demonstration_content(), real_registers(), now=clock.utc_now())


def real_registers() -> list[Any]:
    """Return the lists of derogations that come with the program, as they are."""
    return [read_yaml(path) for path in sorted(_CONFIG.glob("ansm_derogations_*.yaml"))]


def demonstration_content() -> Any:  # noqa: ANN401 - any YAML
    """Return the demonstration file."""
    return read_yaml(_CONFIG / "demonstration.yaml")


def demonstration_diary() -> Any:  # noqa: ANN401 - any YAML
    """Return what the people of the demonstration did, act by act."""
    return read_yaml(_CONFIG / "demonstration_diary.yaml")["acts"]


def announce_log_ins() -> None:
    """Print who can log in to the demonstration."""
    lines = demonstration.log_ins(demonstration_content())
    click.echo(f"  Log in with the password {lines[0].password} as:")
    for line in lines:
        click.echo(f"    {line.email:<38} {', '.join(role.value.replace('_', ' ') for role in line.roles)}")


@click.group()
def demo() -> None:
    """The demonstration hospital."""


@demo.command("load")
def demo_load() -> None:
    """Load the demonstration hospital, once."""
    with opened() as (database, _settings):
        is_new = load_demonstration(database)
    click.echo("The demonstration is loaded." if is_new else "The demonstration was already there.")
    announce_log_ins()


@click.group()
def derogations() -> None:
    """The register of derogations."""


@derogations.command("load")
@click.argument("file", type=_FILE)
@click.option("--finess", required=True, help="FINESS number of the establishment.")
def derogations_load(file: Path, finess: str) -> None:
    """Enter a list of derogations (form: docs/derogations.md); loading it again changes nothing.

    Raises:
        Exit: the register holds another content under the same key.
    """
    with opened() as (database, _settings):
        establishment = _establishment(database, finess)
        with db.transaction(database, establishment.id) as session:
            report = publications.load_register(
                session, read_yaml(file), actor=system_actor(establishment.id), now=clock.utc_now()
            )
    click.echo(
        f"created: {len(report.created)}, unchanged: {len(report.unchanged)}, decisions: {report.decision_count}"
    )
    for key in report.differing:
        click.echo(f"differs from the register, nothing changed: {key}", err=True)
    if report.differing:
        raise click.exceptions.Exit(1)


derogations.add_command(listing.read)


def _establishment(database: Database, finess: str) -> Establishment:
    with db.transaction(database, None) as session:
        found = [row for row in organisation_queries.list_establishments(session) if row.finess == finess]
    if not found:
        raise click.BadParameter(f"no establishment has the FINESS number {finess}", param_hint="--finess")
    return found[0]


@click.group()
def audit() -> None:
    """The trail."""


@audit.command("verify")
@click.option("--heads", type=_FILE, help="Also compare with the signed heads kept in this file: a cut tail shows.")
def audit_verify(heads: Path | None) -> None:
    """Recompute every chain and name the first broken link.

    Raises:
        Exit: a chain is broken.
    """
    broken_count = 0
    lines = heads.read_text(encoding="utf-8").splitlines() if heads else []
    with opened() as (database, settings):
        public_key = audit_service.public_key_of(settings.audit_signing_key)
        with db.transaction(database, None) as session:
            establishments = organisation_queries.list_establishments(session)
        for establishment in establishments:
            with db.transaction(database, establishment.id) as session:
                count, broken = audit_service.verify_chain(session, establishment.id)
                report = audit_service.check_heads(session, establishment.id, lines=lines, public_key=public_key)
            broken = broken or report.broken
            if broken is None:
                click.echo(f"{establishment.name}: {count} entries, the chain holds")
            else:
                broken_count += 1
                click.echo(f"{establishment.name}: BROKEN at entry {broken.sequence} ({broken.reason})", err=True)
            if heads:
                click.echo(f"{establishment.name}: compared with {report.head_count} signed heads")
                for number in report.unsigned_lines:
                    click.echo(f"{heads}: line {number} is not signed with our key", err=True)
    if broken_count:
        raise click.exceptions.Exit(1)


@audit.command("heads")
def audit_heads() -> None:
    """Print one signed head per establishment, to be kept outside this machine."""
    with opened() as (database, settings):
        with db.transaction(database, None) as session:
            establishments = organisation_queries.list_establishments(session)
        for establishment in establishments:
            with db.transaction(database, establishment.id) as session:
                head = audit_service.sign_head(
                    session, establishment.id, signing_key=settings.audit_signing_key, now=clock.utc_now()
                )
            click.echo(json.dumps(head, sort_keys=True))


@click.group()
def establishment() -> None:
    """Establishments of this installation."""


@establishment.command("create")
@click.option("--name", required=True)
@click.option("--finess", required=True)
@click.option("--address", required=True)
@click.option("--phone", default="")
@click.option("--email", default="")
def establishment_create(**values: Any) -> None:  # noqa: ANN401 - click passes texts by name
    """Create an establishment with its empty trail."""
    establishment_id = db.new_id()
    with opened() as (database, _settings), db.transaction(database, establishment_id) as session:
        organisation.create_establishment(
            session,
            establishment_id,
            new=NewEstablishment(**values),
            actor=system_actor(establishment_id),
            now=clock.utc_now(),
        )
    click.echo(f"created: {values['name']} ({values['finess']})")


@click.group()
def person() -> None:
    """Accounts that a command may open: the first administrator of an establishment."""


@person.command("create")
@click.option("--finess", required=True, help="FINESS number of the establishment.")
@click.option("--email", required=True)
@click.option("--given-name", required=True)
@click.option("--family-name", required=True)
@click.option("--role", "roles", multiple=True, type=click.Choice([role.value for role in Role]), required=True)
@click.password_option(help="First password; asked for when not given.")
def person_create(finess: str, roles: tuple[str, ...], **values: Any) -> None:  # noqa: ANN401 - click passes texts by name
    """Open an account, usually the first administrator's; the others are opened on the page 'Accounts'."""
    with opened() as (database, _settings):
        establishment = _establishment(database, finess)
        new = NewPerson(roles=frozenset(Role(role) for role in roles), **values)
        with db.transaction(database, establishment.id) as session:
            accounts.create_person(
                session, db.new_id(), new=new, actor=system_actor(establishment.id), now=clock.utc_now()
            )
    click.echo(f"opened: {values['email']}")


ALL = (audit, demo, derogations, establishment, person)
"""The groups that ``tracker/cli.py`` adds to the program."""
