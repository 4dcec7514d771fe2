"""``python -m tracker derogations read``: a command for scripts, started as they start it."""

import json
import subprocess
import sys
from pathlib import Path

from tests.lists import ANSM_LIST


def run(file: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tracker", "derogations", "read", str(file)]
    root = Path(__file__).parents[2]
    # no settings, and a database that no server answers for: the command needs neither
    environ = {"PATH": "/usr/bin:/bin", "DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:1/none"}
    return subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True, check=False, timeout=60)


def test_a_script_gets_the_list_as_one_json_object() -> None:
    result = run(ANSM_LIST)

    answer = json.loads(result.stdout)
    assert (result.returncode, result.stderr) == (0, "")
    assert set(answer) == {"derogations", "not_understood"}
    assert len([one for one in answer["derogations"] if one["valid_until"]]) == 8
    assert [len(one["references"]) for one in answer["derogations"]] == [0] * 7 + [20]


def test_a_page_without_a_derogation_ends_with_a_code_and_a_sentence(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<html><body><p>Une demande de dérogation peut être envisagée.</p></body></html>", encoding="utf-8")

    result = run(page)

    assert result.returncode == 1
    assert json.loads(result.stdout) == {"derogations": [], "not_understood": []}
    assert result.stderr == "page.html: no derogation is listed in this file\n"


def test_a_file_that_cannot_be_read_ends_with_a_code_and_the_next_step(tmp_path: Path) -> None:
    page = tmp_path / "page.pdf"
    page.write_bytes(b"GIF89a")

    result = run(page)

    assert (result.returncode, result.stdout) == (1, "")
    assert "named .pdf but is no PDF" in result.stderr
    assert "choose that file" in result.stderr
