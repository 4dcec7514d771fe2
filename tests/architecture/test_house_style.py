"""The rules of the house that neither ruff nor import-linter knows."""

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGES, ROOT, Function, functions, modules, slices, tracked_files, tree

LONGEST_FILE = 500
LONGEST_FUNCTION = 60
BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "core", "base", "misc", "manager", "managers", "lib"}
TOP_LEVEL = {
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "benchmarks",
    "config",
    "docs",
    "migrations",
    "pyproject.toml",
    "requirements.txt",
    "scanners",
    "tests",
    "tracker",
    "wsgi.py",
}
"""Design, section 2; anything else needs a decision in docs/decisions."""
SLICE_FILES = {
    "__init__.py",
    "api.py",
    "documents.py",
    "fhir.py",
    "forms.py",
    "hl7.py",
    "jobs.py",
    "models.py",
    "queries.py",
    "rules.py",
    "service.py",
    "transport.py",
    "views.py",
}
SLICE_FOLDERS = {"templates", "translations", "data"}
SHARED_FOLDERS = {"static", "templates", "translations"}


def short(path: Path, node: ast.AST | None = None) -> str:
    return f"{path}:{node.lineno}" if isinstance(node, ast.expr | ast.stmt) else str(path)


def test_the_top_level_holds_what_the_design_names_and_nothing_else() -> None:
    found = {path.parts[0] for path in tracked_files()}

    assert found <= TOP_LEVEL


def test_no_file_or_folder_has_a_name_that_says_nothing() -> None:
    named = [
        path
        for path in tracked_files()
        if BANNED_NAMES & {*path.parts[:-1], path.stem if path.suffix in {".py", ".js"} else ""}
    ]

    assert named == []


def test_a_slice_holds_only_files_of_the_common_vocabulary() -> None:
    strangers = [
        path
        for path in tracked_files()
        if len(path.parts) > 2
        and path.parts[0] == "tracker"
        and path.parts[1] not in SHARED_FOLDERS
        and not (len(path.parts) == 3 and path.parts[2] in SLICE_FILES)
        and path.parts[2] not in SLICE_FOLDERS
    ]

    assert strangers == []


def test_the_templates_of_a_slice_stand_under_its_own_name() -> None:
    strangers = [
        path
        for path in tracked_files()
        if len(path.parts) > 4
        and path.parts[0] == "tracker"
        and path.parts[2] == "templates"
        and path.parts[3] != path.parts[1]
    ]

    assert strangers == []


def test_every_slice_says_what_it_is_for() -> None:
    silent = [name for name in slices() if not ast.get_docstring(tree(Path("tracker", name, "__init__.py")))]

    assert silent == []


def test_no_file_is_longer_than_five_hundred_lines() -> None:
    lengths = {
        str(path): len((ROOT / path).read_text(encoding="utf-8").splitlines())
        for path in tracked_files()
        if path.suffix in {".py", ".js", ".css", ".html"} and path.parts[:2] != ("migrations", "versions")
        # a migration is one step of the schema, read once, never changed: its length costs nobody anything
    }

    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


@pytest.mark.parametrize("package", [*PACKAGES, "benchmarks", "tests"])
def test_no_function_is_longer_than_sixty_lines(package: str) -> None:
    long = [
        short(path, function)
        for path in modules(package)
        for function in functions(path)
        if (function.end_lineno or 0) - function.lineno >= LONGEST_FUNCTION
    ]

    assert long == []


def test_only_db_ends_a_transaction() -> None:
    ends = [
        short(path, node)
        for path in modules("tracker", "config", "scanners")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in {"commit", "rollback"} and path != Path("tracker/db.py")
    ]

    assert ends == []


def test_everything_is_caught_in_three_places_only() -> None:
    allowed = {Path("tracker/worker.py"), Path("tracker/outbox/jobs.py"), Path("tracker/http.py")}
    catches = [
        short(path, node.type)
        for path in modules(*PACKAGES)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "Exception"))
        and path not in allowed
    ]

    assert catches == []


def public_services() -> list[tuple[Path, Function]]:
    return [
        (path, node)
        for path in modules("tracker")
        if path.name == "service.py"
        for node in tree(path).body
        if isinstance(node, Function) and not node.name.startswith("_")
    ]


def keyword_names(function: Function) -> set[str]:
    return {argument.arg for argument in function.args.kwonlyargs}


def test_a_service_takes_the_session_then_at_most_one_id_and_names_the_rest() -> None:
    odd = [
        f"{short(path, function)} {function.name}"
        for path, function in public_services()
        if (function.args.args[:1] or [ast.arg("")])[0].arg == "session" and len(function.args.args) > 2
    ]

    assert odd == []


def test_an_actor_and_a_now_are_always_named() -> None:
    odd = [
        f"{short(path, function)} {function.name}"
        for path, function in public_services()
        if {"actor", "now"} & {argument.arg for argument in function.args.args}
        and function.args.args[0].arg == "session"
    ]

    assert odd == []


def test_no_instant_has_a_default() -> None:
    odd = [
        f"{short(path, function)} {function.name}"
        for path in modules("tracker", "scanners")
        for function in functions(path)
        for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
        if argument.arg in {"now", "today"} and default is not None
    ]

    assert odd == []


def called_names(function: Function) -> set[str]:
    return {ast.unparse(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}


def services_in(path: Path) -> set[str]:
    """Return the names under which a file knows the services of slices."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tracker")
        for alias in node.names
        if alias.name == "service"
    }


def is_audited(path: Path, function: Function, seen: frozenset[str] = frozenset()) -> bool:
    """Test whether a function appends to the trail, by itself or through a function that acts for it."""
    own = {node.name: node for node in tree(path).body if isinstance(node, Function)}
    calls = called_names(function)
    if any(re.fullmatch(r"audit(_service)?\.append(_many)?", call) for call in calls):
        return True
    others = services_in(path) - {"audit", "audit_service"}
    if any(call.split(".")[0] in others and _gives_actor(function, call) for call in calls):
        return True
    return any(is_audited(path, own[call], seen | {call}) for call in calls & own.keys() - seen)


def _gives_actor(function: Function, call: str) -> bool:
    return any(
        isinstance(node, ast.Call)
        and ast.unparse(node.func) == call
        and "actor" in {keyword.arg for keyword in node.keywords}
        for node in ast.walk(function)
    )


ONLY_READ = {("checks", "check")}
"""Questions that need an actor for the permission and write nothing."""


def test_every_act_of_a_person_is_audited() -> None:
    silent = [
        f"{short(path, function)} {function.name}"
        for path, function in public_services()
        if "actor" in keyword_names(function) and path != Path("tracker/audit/service.py")
        if (path.parts[1], function.name) not in ONLY_READ
        if not is_audited(path, function)
    ]

    assert silent == []


def test_no_tracked_file_names_a_place_of_one_machine() -> None:
    places = [f"{ROOT}/", "/root" + "/", "/home" + "/", "--index" + "-url", "--find" + "-links", "--trusted" + "-host"]
    found = [
        f"{path}: {place}"
        for path in tracked_files()
        if path.suffix not in {".png", ".jpg", ".pdf", ".woff2", ".gz", ".tif"}
        for place in places
        if place in (ROOT / path).read_text(encoding="utf-8", errors="replace")
    ]

    assert found == []


def callers_of(room: str, act: str) -> set[tuple[str, str]]:
    """Return the functions, by file, that call an act of the service of a room."""
    found = set()
    for path in modules("tracker"):
        names = {
            alias.asname or alias.name
            for node in ast.walk(tree(path))
            if isinstance(node, ast.ImportFrom) and node.module == f"tracker.{room}"
            for alias in node.names
            if alias.name == "service"
        }
        calls = {f"{name}.{act}" for name in names}
        found |= {(str(path), function.name) for function in functions(path) if called_names(function) & calls}
    return found


def test_whoever_records_a_decision_on_a_derogation_that_was_there_gives_it_its_effect() -> None:
    """A suspension that only the register knows leaves its units free until the worker comes by."""
    of_new_derogations = {
        ("tracker/decisions/views.py", "create"),
        ("tracker/requests/service.py", "record_answer"),
    }
    by_the_administrator = {("tracker/publications/service.py", "_load_decision")}  # by command: the job follows

    found = callers_of("derogations", "record_decision")

    assert callers_of("derogations", "add_scope") == {("tracker/effects/service.py", "add_scope")}
    of_slices = {(path, name) for path, name in found if Path(path).parts[1] in slices()}
    assert of_slices == {("tracker/effects/service.py", "record_decision")} | of_new_derogations | by_the_administrator


def test_one_act_alone_sends_a_unit_to_a_ward() -> None:
    """It asks the register; whoever called what it stands on would deliver without asking."""
    writers = {
        str(path)
        for path in modules("tracker")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).split(".")[-1] == "NewMovement"
        and "Event.DELIVERY" in ast.unparse(node)
    }

    assert callers_of("devices", "hand_over") == {("tracker/delivery/service.py", "deliver_unit")}
    assert writers == {"tracker/delivery/service.py"}


def test_whoever_asks_for_uses_asks_for_those_that_stand() -> None:
    """A record that a correction took back must count nowhere: decision 0024."""
    readers = [path for path in modules("tracker") if path.name == "queries.py" and path.parts[1] != "use"]
    asked = {path: {name for node in ast.walk(tree(path)) for name in names_asked(node)} for path in readers}

    assert [str(path) for path, names in asked.items() if "DeviceUse" in names and "STANDING" not in names] == []
    assert sum("STANDING" in names for names in asked.values()) >= 4
    for table, standing in (("Failure", "FAILURE_STANDS"), ("Explantation", "EXPLANTATION_STANDS")):
        elsewhere = {path: names for path, names in asked.items() if path.parts[1] != "outcomes" and table in names}
        assert [str(path) for path, names in elsewhere.items() if standing not in names] == []
    assert sum("EXPLANTATION_STANDS" in names for names in asked.values()) >= 2


def names_asked(node: ast.AST) -> list[str]:
    """Return the names that a node asks for: all but those of an annotation, which only says what was found."""
    match node:
        case ast.Attribute(value=ast.Name(id=table)):
            return [table]
        case ast.Call(args=given):
            return [one.id for one in given if isinstance(one, ast.Name)]
        case ast.BinOp(left=left, op=ast.BitAnd(), right=right):
            return [one.id for one in (left, right) if isinstance(one, ast.Name)]
        case _:
            return []
