"""The table of application identifiers is what its script makes of GS1's dictionary."""

import json
from importlib.resources import files
from pathlib import Path

import pytest

from scanners.udi.application_identifiers import TABLE
from scanners.udi.data import update_application_identifiers as update

DICTIONARY = """# Release: UNSET
01         *?  N14,csum,keyoff1    ex=255,37 dlpkey=22,10,21|235    # GTIN
21             X..20               req=01,03,8006 ex=235            # SERIAL
3920-3929   ?  N..15               req=01 req=30,31nn ex=392n       # PRICE
8200           X..70               req=01                           # PRODUCT URL
"""


def test_script_makes_the_rows_of_the_table() -> None:
    stored = json.loads(files("scanners.udi").joinpath("data/application_identifiers.json").read_text(encoding="utf-8"))
    made = json.loads(update.table(DICTIONARY, commit=stored["commit"], day=stored["date"]))

    rows = {row["identifiers"]: row for row in stored["rows"]}
    for row in made["rows"]:
        kept = rows[row["identifiers"]]
        assert (row["title"], row["components"], row["predefined"]) == (
            kept["title"],
            kept["components"],
            kept["predefined"],
        )
    assert {key: made[key] for key in ("title", "origin", "licence")} == {
        key: stored[key] for key in ("title", "origin", "licence")
    }


def test_table_names_its_origin_version_and_date() -> None:
    stored = json.loads(files("scanners.udi").joinpath("data/application_identifiers.json").read_text(encoding="utf-8"))

    assert stored["commit"] in stored["origin"]
    assert stored["date"] == "2026-11-22"
    assert len(stored["rows"]) == 219 + len(update.SUPPLEMENT)


def test_script_writes_the_file_and_refuses_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dictionary, target = tmp_path / "dictionary.txt", tmp_path / "table.json"
    dictionary.write_text(DICTIONARY, encoding="utf-8")
    monkeypatch.setattr(update, "TARGET", target)

    assert update.main([str(dictionary), "abc", "2026-01-01"]) == 0
    assert update.main([]) == 2
    assert json.loads(target.read_text(encoding="utf-8"))["commit"] == "abc"


def test_line_that_is_no_row_is_refused() -> None:
    with pytest.raises(ValueError, match="not a row"):
        update.row("1 FOO")


def test_patterns_of_the_dictionary_are_expanded() -> None:
    assert TABLE["3920"].excludes == {f"392{n}" for n in range(1, 10)} | {f"393{n}" for n in range(10)}
    assert frozenset({"3105"}) in TABLE["3920"].requires[1]
    assert TABLE["8030"].requires[0][1] == {"01", "21"}
    assert TABLE["01"].link_qualifiers == (("22", "10", "21"), ("235",))
    assert TABLE["7007"].lengths == (6, 12)
