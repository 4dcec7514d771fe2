"""The command that reads ANSM's list: no database and no settings are loaded for it."""

import json
from pathlib import Path

import click

from tracker.publications import rules
from tracker.publications.rules import ListUnreadable


@click.command("read")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def read(file: Path) -> None:
    """Print what ANSM's list says as one JSON object; FILE is a saved page, a PDF, a text, YAML or CSV.

    Nothing is written (docs/publications.md).

    Raises:
        ClickException: the file cannot be read.
        Exit: it holds no derogation.
    """
    try:
        reading = rules.read_file(file.read_bytes(), filename=file.name)
    except ListUnreadable as error:
        raise click.ClickException(f"{file.name}: {error} {error.next_step}") from error
    click.echo(json.dumps(rules.as_json(reading), ensure_ascii=False, indent=2))
    if not reading.derogations:
        click.echo(f"{file.name}: no derogation is listed in this file", err=True)
        raise click.exceptions.Exit(1)
