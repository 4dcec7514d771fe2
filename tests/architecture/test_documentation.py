"""The pages that people read say what the program does."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, tracked_files, tree

DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
PARTS = ("Context", "Decision", "Consequences", "Alternatives")


def settings_names() -> set[str]:
    """Return the variables that the settings read."""
    constants = {
        node.value
        for node in ast.walk(tree(Path("config/settings.py")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {name for name in constants if re.fullmatch(r"(TRACE59_|DATABASE_)[A-Z_]+", name)}


def test_every_setting_is_documented_and_every_documented_setting_exists() -> None:
    page = (ROOT / "docs" / "production.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `((?:TRACE59|DATABASE)_[A-Z_]+)`", page, flags=re.MULTILINE))

    assert documented == settings_names()


def test_the_readme_draws_the_folder_as_it_is() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    drawing = next(block for block in re.findall(r"```[a-z]*\n(.*?)```", readme, flags=re.DOTALL) if "wsgi.py" in block)
    drawn = {line.split()[0].rstrip("/") for line in drawing.splitlines() if line and not line[0].isspace()}
    found = {path.parts[0] for path in tracked_files() if not path.parts[0].startswith(".")}

    assert drawn - {".ci"} | {"README.md"} == found


def test_every_target_of_the_makefile_says_what_it_does() -> None:
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    declared = next(line for line in lines if line.startswith(".PHONY:")).split()[1:]
    explained = {line.split(":")[0] for line in lines if re.match(r"[a-z]+:.*  ## \w", line)}

    assert set(declared) == explained


def test_every_tool_in_pyproject_is_pinned_with_its_hash() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {
        "requirements.txt": project["dependencies"],
        "tests/requirements.txt": [*project["dependencies"], *project["optional-dependencies"]["dev"]],
    }
    for name, dependencies in wanted.items():
        pins = (ROOT / name).read_text(encoding="utf-8")
        names = {re.split(r"[\[<>=]", dependency)[0].lower().replace("_", "-") for dependency in dependencies}
        pinned = dict(re.findall(r"^([a-z0-9-]+)==(.*?)(?=^[a-z0-9]|\Z)", pins, flags=re.MULTILINE | re.DOTALL))

        assert names <= pinned.keys(), name
        assert all("--hash=sha256:" in text for text in pinned.values()), name


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.name)
def test_a_decision_has_a_number_of_its_own_and_its_four_parts(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    same = [other for other in DECISIONS if other.name[:4] == page.name[:4]]

    assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", page.name)
    assert same == [page]
    assert [part for part in PARTS if f"**{part}.**" not in text and f"## {part}\n" not in text] == []


def test_links_between_pages_lead_somewhere() -> None:
    broken = [
        f"{path}: {target}"
        for path in tracked_files()
        if path.suffix == ".md"
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / path).read_text(encoding="utf-8"))
        if not (ROOT / path.parent / target).exists()
    ]

    assert broken == []
