"""The command line: ``python -m tracker COMMAND``. It reads the settings and the clock, and opens the transactions."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from config.demonstration import new_keys
from config.settings import Settings, SettingsInvalid
from tracker import catalogues, commands, embedded, lifeline, maintenance, serve, worker
from tracker.commands import read_settings
from tracker.errors import TraceError

_REFUSALS = (
    SettingsInvalid,
    TraceError,
    embedded.EmbeddedFailed,
    maintenance.MaintenanceRefused,
    serve.ServeFailed,
)
_CHILD_OPTION = click.option("--until-stdin-closes", is_flag=True, hidden=True)
_BACKUP = click.Path(dir_okay=False, path_type=Path)


class Program(click.Group):
    """Turns every refusal of ours into its sentence; a trace is for defects."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        """Run a command.

        Raises:
            ClickException: it was refused.
        """
        try:
            return super().invoke(ctx)
        except _REFUSALS as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Program, no_args_is_help=True)
def main() -> None:
    """Trace59: traceability of medical devices used under a derogation."""


@main.command()
def run() -> None:
    """Start everything: database, web server, worker. Ctrl-C stops everything."""
    settings = read_settings()
    catalogues.compile_catalogues()
    with serve.installation(settings) as ready:
        serve.prepare_database(ready)
        if settings.demonstration:
            with commands.open_database(ready.settings) as empty:
                commands.load_demonstration(empty)
        serve.run(ready, environ=os.environ, announce=lambda: _announce(settings))


def _announce(settings: Settings) -> None:
    click.echo(f"\n  Trace59: {settings.public_url}\n")
    if settings.demonstration:
        click.echo("  Demonstration: fictional data, no message leaves this machine.\n")
        commands.announce_log_ins()
    click.echo("  Ctrl-C stops it.\n")


@main.command("serve")
@_CHILD_OPTION
def serve_command(*, until_stdin_closes: bool) -> None:
    """Start the web server alone."""
    settings = read_settings()
    if until_stdin_closes:
        lifeline.stop_when_stdin_closes()
    with serve.installation(settings) as ready:
        serve.serve(ready.settings)


@main.command("worker")
@click.option("--once", is_flag=True, help="Run each job once unless this tick is done, then end.")
@_CHILD_OPTION
def worker_command(*, once: bool, until_stdin_closes: bool) -> None:
    """Start the scheduler alone: warnings, messages, checks."""
    settings = read_settings()
    if until_stdin_closes:
        lifeline.stop_when_stdin_closes()
    with serve.installation(settings) as ready, commands.open_database(ready.settings) as opened:
        if once:
            for job in worker.all_jobs(ready.settings):
                worker.run_once(job, opened)
        else:
            worker.run(ready.settings, opened)


@main.command()
def keys() -> None:
    """Print new secrets, one per line, ready for an environment file. Keep them outside the database's backups."""
    for name, value in new_keys().items():
        click.echo(f"{name}={value}")


@main.group()
def database() -> None:
    """Migrate, check, back up and restore the database as a whole."""


def _owner_url(ready: serve.Installation) -> str:
    if not ready.settings.database_owner_url:
        raise click.UsageError("DATABASE_OWNER_URL: missing; this command works as the owner of the tables")
    return ready.settings.database_owner_url


@database.command()
def migrate() -> None:
    """Bring the tables to the newest version."""
    with serve.installation(read_settings()) as ready:
        maintenance.migrate(_owner_url(ready))
    click.echo("The tables are at the newest version.")


@database.command()
def check() -> None:
    """Tell whether the program may run on this database."""
    with serve.installation(read_settings()) as ready:
        problems = maintenance.find_problems(ready.app_url)
    if problems:
        click.echo("\n".join(problems), err=True)
        sys.exit(1)
    click.echo("The database is ready.")


@database.command()
@click.option("--owner", is_flag=True, help="The address for the owner of the tables.")
def url(*, owner: bool) -> None:
    """Print the address of the database; it may hold a password."""
    with serve.installation(read_settings()) as ready:
        click.echo(_owner_url(ready) if owner else ready.app_url)


@database.command()
@click.argument("target", type=_BACKUP)
def backup(target: Path) -> None:
    """Write the whole database to TARGET. The keys are not in it: without them the sealed data stays closed."""
    with serve.installation(read_settings()) as ready:
        maintenance.back_up(_owner_url(ready), target)
    click.echo(f"{target}: {target.stat().st_size:,} bytes")


@database.command()
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def restore(source: Path) -> None:
    """Fill an empty database from SOURCE."""
    with serve.installation(read_settings()) as ready:
        maintenance.restore(_owner_url(ready), source)
    click.echo("Restored. Now compare: python -m tracker audit verify")


for _group in commands.ALL:
    main.add_command(_group)
