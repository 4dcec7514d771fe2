"""Our own source, as the house rules read it."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("config", "scanners", "tracker")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tracked_files() -> tuple[Path, ...]:
    """Return every file that git holds and that still exists, relative to the root."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return tuple(Path(name) for name in listed.split("\0") if name and (ROOT / name).exists())


@cache
def modules(*packages: str) -> tuple[Path, ...]:
    """Return the tracked Python files of some top-level folders."""
    return tuple(path for path in tracked_files() if path.suffix == ".py" and path.parts[0] in packages)


@cache
def tree(path: Path) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), filename=str(path))


def functions(path: Path) -> Iterator[Function]:
    """Yield every function and method of a file."""
    for node in ast.walk(tree(path)):
        if isinstance(node, Function):
            yield node


def slices() -> tuple[str, ...]:
    """Return the names of the slices."""
    return tuple(sorted({path.parts[1] for path in modules("tracker") if len(path.parts) > 2}))
