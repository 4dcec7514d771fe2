"""The command line: one line in, one JSON object out, whatever the line holds."""

import io
import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from scanners import cli
from scanners.symbols import datamatrix

TODAY = date(2026, 11, 22)
KEYS = [
    *("raw", "status", "standard", "symbology", "udi_di", "lot", "serial", "expiration_date", "manufacture_date"),
    *("quantity", "software_version", "elements", "readings", "error"),
]
ROOT = Path(__file__).parents[3]


def parse(*lines: bytes, separators_known: bool = False) -> list[dict[str, object]]:
    output = io.StringIO()
    code = cli.parse_lines(io.BytesIO(b"\n".join(lines)), output, TODAY, separators_known=separators_known)
    assert code == 0
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_every_line_gives_one_object_with_the_fixed_keys() -> None:
    found = parse(b"010370000000001310LOT42", b"", b"\xff\xfe", b'"unfinished', b"+H999TRK10X\r", b"IS01" + b"0" * 22)

    assert [list(value) for value in found] == [KEYS] * 6
    assert [value["status"] for value in found] == ["ok", "unknown", "unknown", "invalid", "ok", "patient"]


def test_line_that_starts_with_a_quotation_mark_is_a_json_string() -> None:
    (found,) = parse(rb'"]d2010370000000001310LOT42\u001d21SN7"')

    assert found["raw"] == "]d2010370000000001310LOT42\x1d21SN7"
    assert (found["symbology"], found["lot"], found["serial"]) == ("d2", "LOT42", "SN7")
    assert found["elements"] == [["01", "03700000000013"], ["10", "LOT42"], ["21", "SN7"]]


def test_refusal_names_code_position_and_what_was_expected() -> None:
    (found,) = parse(b"010370000000001210LOT42")

    assert (found["status"], found["standard"]) == ("invalid", "gs1")
    assert found["error"] == {
        "code": "check-digit",
        "position": 15,
        "detail": "(01) 03700000000012 should end in 3, not 2",
    }


def test_lost_separator_is_ambiguous_unless_the_scanner_is_known_to_pass_it_on() -> None:
    (unknown,) = parse(b"010370000000001310LOTA21SN42")
    (known,) = parse(b"010370000000001310LOTA21SN42", separators_known=True)

    assert (unknown["status"], unknown["lot"], unknown["udi_di"]) == ("ambiguous", None, "03700000000013")
    assert isinstance(unknown["readings"], list)
    assert [reading["lot"] for reading in unknown["readings"]] == ["LOTA", "LOTA21SN42"]
    assert (known["status"], known["lot"]) == ("ok", "LOTA21SN42")


def test_nothing_of_a_patient_label_is_written() -> None:
    text = b"IS01" + b"0" * 22 + b"S1280129999999969S21.2.250.1.213.1.4.10S3MARIE<GS>S4EXEMPLE<GS>S5FS612-12-1980"

    (found,) = parse(text)

    assert (found["status"], found["standard"], found["raw"]) == ("patient", "ins", "")
    assert "EXEMPLE" not in json.dumps(found)


def test_unit_label_is_its_only_element() -> None:
    (found,) = parse(b"T590000000178")

    assert (found["standard"], found["elements"]) == ("unit", [["unit", "T590000000178"]])


@pytest.mark.parametrize(
    "arguments",
    [[], ["parse", "FOO"], ["parse", "--reference-date", "tomorrow"], ["read"], ["guess"], ["listen"]],
)
def test_wrong_usage_ends_with_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)

    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_program_streams_and_ends_with_zero() -> None:
    command = [sys.executable, "-m", "scanners", "parse", "--reference-date", "2080-01-01"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdin
        assert program.stdout
        program.stdin.write(b"010370000000001317281231\n")
        program.stdin.flush()
        first = json.loads(program.stdout.readline())
        program.stdin.write(b"nonsense\n")
        program.stdin.close()
        second = json.loads(program.stdout.readline())

    assert program.returncode == 0
    assert first["expiration_date"] == "2128-12-31"
    assert second["status"] == "unknown"


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    output = io.StringIO()

    code = cli.read_files([str(tmp_path / "missing"), str(broken)], output, TODAY)

    found = [json.loads(line) for line in output.getvalue().splitlines()]
    assert code == 0
    assert [list(value) for value in found] == [["file", "symbols", "error"]] * 2
    assert [value["error"]["code"] for value in found] == ["file-unreadable", "not-an-image"]


def test_symbols_of_a_picture_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    label, patient = tmp_path / "label.png", tmp_path / "patient.png"
    label.write_bytes(datamatrix.png("(01)03700000000013(10)LOT42(21)SN7"))
    patient.write_bytes(datamatrix.png("IS01" + "0" * 22 + "S1280129999999969"))

    code = cli.main(["read", str(label), str(patient), "--reference-date", "2026-11-22"])

    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert code == 0
    (symbol,) = first["symbols"]
    assert list(symbol) == ["text", "format", "symbology", "reader", "position", "scan"]
    assert (symbol["text"], symbol["symbology"]) == ("0103700000000013" + "10LOT42\x1d21SN7", "d2")
    assert (symbol["scan"]["lot"], symbol["scan"]["serial"]) == ("LOT42", "SN7")
    assert len(symbol["position"]) == 4
    assert [one["text"] for one in second["symbols"]] == [""]


def test_day_of_reference_is_today_when_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    lines, output = io.TextIOWrapper(io.BytesIO(b"3700000000013\n")), io.StringIO()
    monkeypatch.setattr(sys, "stdin", lines)
    monkeypatch.setattr(sys, "stdout", output)

    assert cli.main(["parse"]) == 0
    assert json.loads(output.getvalue())["udi_di"] == "03700000000013"


def test_whoever_has_read_enough_ends_the_program_quietly() -> None:
    command = [sys.executable, "-m", "scanners", "parse"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        assert program.stdin
        assert program.stdout
        assert program.stderr
        program.stdin.write(b"1-020163C\n")
        program.stdin.flush()
        program.stdout.readline()
        program.stdout.close()
        program.stdin.write(b"1-020163C\n" * 3)
        program.stdin.close()
        said = program.stderr.read()

    assert (program.returncode, said) == (0, b"")
