"""Make ``application_identifiers.json`` from GS1's Barcode Syntax Dictionary.

The dictionary is a text of one row per identifier or range: flags, components, associations, title. Download
``gs1-syntax-dictionary.txt`` of https://github.com/gs1/gs1-syntax-dictionary (Apache-2.0) and run::

    python -m scanners.udi.data.update_application_identifiers DICTIONARY COMMIT DATE

The table is never edited by hand. ``SUPPLEMENT`` holds the identifiers that GS1 lists on https://ref.gs1.org/ai/ and
that the version of the dictionary in use does not have yet; a row is dropped here when the dictionary has it.
"""

import json
import re
import sys
from pathlib import Path

ORIGIN = "https://github.com/gs1/gs1-syntax-dictionary/blob/{commit}/gs1-syntax-dictionary.txt"
TARGET = Path(__file__).with_name("application_identifiers.json")

SUPPLEMENT = (
    "717   ?  X..20            req=01  # NHRN SRN",
    "8040  ?  N15              req=01  # IMEI",
    "8041  ?  N15              req=01  # IMEI2",
    "8042  ?  N32              req=01  # ESIM",
    "8043  ?  N18 [N..2]       req=01  # PSIM",
)

_ROW = re.compile(
    r"(?P<ai>[0-9]{2,4}(?:-[0-9]{2,4})?)\s+(?:(?P<flags>[*?]+)\s+)?(?P<rest>[^#]*?)\s*(?:#\s*(?P<title>.*))?"
)
_COMPONENT = re.compile(
    r"(?P<open>\[)?(?P<set>[NXYZ])(?P<upto>\.\.)?(?P<size>[0-9]+)(?P<close>\])?(?P<rules>(?:,\w+)*)"
)


def component(word: str) -> dict[str, object] | None:
    """Return one component of a value, or None when the word is an attribute.

    >>> component("[N..12],zero")
    {'set': 'N', 'minimum': 1, 'maximum': 12, 'optional': True, 'rules': ['zero']}
    """
    match = _COMPONENT.fullmatch(word)
    if match is None:
        return None
    size = int(match["size"])
    return {
        "set": match["set"],
        "minimum": 1 if match["upto"] else size,
        "maximum": size,
        "optional": match["open"] is not None,
        "rules": match["rules"].split(",")[1:],
    }


def row(line: str) -> dict[str, object]:
    """Return one identifier or range of identifiers.

    Raises:
        ValueError: the line is not a row of the dictionary.

    >>> row("21  X..20  req=01,8006+10 ex=235  # SERIAL")["requires"]
    [[['01'], ['8006', '10']]]
    """
    match = _ROW.fullmatch(line.strip())
    if match is None:
        raise ValueError(f"not a row of the dictionary: {line!r}")
    words = match["rest"].split()
    components = [found for found in map(component, words) if found]
    attributes = [word.partition("=") for word in words if component(word) is None]
    requires = [value for key, _, value in attributes if key == "req"]
    excludes = [value for key, _, value in attributes if key == "ex"]
    qualifiers = [value for key, _, value in attributes if key == "dlpkey"]
    return {
        "identifiers": match["ai"],
        "title": match["title"] or "",
        "predefined": "*" in (match["flags"] or ""),
        "components": components,
        "requires": [[group.split("+") for group in value.split(",")] for value in requires],
        "excludes": [identifier for value in excludes for identifier in value.split(",")],
        "link_qualifiers": [path.split(",") if path else [] for path in qualifiers[0].split("|")]
        if qualifiers
        else None,
    }


def table(text: str, *, commit: str, day: str) -> str:
    """Return the JSON text of the table, one row a line."""
    lines = [line for line in text.splitlines() if line[:1].isdigit()]
    head = {
        "title": "GS1 application identifiers",
        "origin": ORIGIN.format(commit=commit),
        "commit": commit,
        "date": day,
        "licence": "Apache-2.0, copyright GS1 AISBL",
        "supplement": "https://ref.gs1.org/ai/ for " + ", ".join(line.split()[0] for line in SUPPLEMENT),
        "made_by": "scanners/udi/data/update_application_identifiers.py",
    }
    rows = ",\n".join("    " + json.dumps(row(line), ensure_ascii=False) for line in [*lines, *SUPPLEMENT])
    return json.dumps(head, indent=2, ensure_ascii=False)[:-2] + f',\n  "rows": [\n{rows}\n  ]\n}}\n'


def main(arguments: list[str]) -> int:
    """Write the table beside this script; 2 when called wrongly."""
    if len(arguments) != 3:  # noqa: PLR2004 - the three words of the usage line
        sys.stderr.write("usage: update_application_identifiers DICTIONARY COMMIT DATE\n")
        return 2
    path, commit, day = arguments
    TARGET.write_text(table(Path(path).read_text(encoding="utf-8"), commit=commit, day=day), encoding="utf-8")
    return 0


if __name__ == "__main__":  # pragma: no cover - run by hand when GS1 publishes a new dictionary
    sys.exit(main(sys.argv[1:]))
