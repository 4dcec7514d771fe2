"""Settings: what is missing or odd stops the start, with one sentence for each variable."""

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config.demonstration import demonstration_keys, new_keys
from config.readers import read_key_ring
from config.settings import Settings, SettingsInvalid

KEY = base64.b64encode(bytes(range(32))).decode()
OTHER_KEY = base64.b64encode(bytes(range(32, 64))).decode()


def production(tmp_path: Path, **changes: str) -> dict[str, str]:
    """Return the least environment with which production starts, changed."""
    return {
        "TRACE59_MODE": "production",
        "TRACE59_VAR_DIRECTORY": str(tmp_path),
        "TRACE59_PUBLIC_URL": "https://trace59.hospital.test",
        **new_keys(),
        **changes,
    }


def demonstration(tmp_path: Path, **changes: str) -> dict[str, str]:
    return {"TRACE59_VAR_DIRECTORY": str(tmp_path), **changes}


def problems_of(environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(SettingsInvalid) as caught:
        Settings.from_env(environ)
    return caught.value.problems


def test_the_demonstration_needs_nothing_and_keeps_its_keys(tmp_path: Path) -> None:
    first = Settings.from_env(demonstration(tmp_path))
    second = Settings.from_env(demonstration(tmp_path))

    assert first == second
    assert first.demonstration
    assert first.database_url is None
    assert first.mail_transport == "local"
    assert first.warning_thresholds_days == (180, 90, 60, 30, 14, 7, 1, 0)
    assert first.public_url == "http://127.0.0.1:8059"
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600


def test_processes_that_start_together_get_the_same_keys(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: tuple(demonstration_keys(tmp_path).values()), range(32)))

    assert len(set(keys)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]


def test_production_with_all_it_needs_starts(tmp_path: Path) -> None:
    settings = Settings.from_env(production(tmp_path))

    assert not settings.demonstration
    assert settings.secure_cookies
    assert not (tmp_path / "keys.json").exists()


@pytest.mark.parametrize("name", sorted(new_keys()))
def test_production_invents_no_secret(tmp_path: Path, name: str) -> None:
    problems = problems_of(production(tmp_path, **{name: ""}))

    assert problems == (f"{name}: missing; production needs it, 'python -m tracker keys' prints a new one",)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"TRACE59_MODE": "prod"}, "TRACE59_MODE: 'prod' is not one of demonstration, production"),
        ({"TRACE59_PORT": "0"}, "TRACE59_PORT: '0' is not a whole number from 1 to 65535"),
        ({"TRACE59_PORT": "٨٠"}, "TRACE59_PORT: '٨٠' is not a whole number from 1 to 65535"),
        ({"TRACE59_PRT": "80"}, "TRACE59_PRT: there is no such setting; did you mean TRACE59_PORT?"),
        ({"TRACE59_SECURE_COOKIES": "yes"}, "TRACE59_SECURE_COOKIES: 'yes' is neither true nor false"),
        ({"TRACE59_WARNING_THRESHOLDS_DAYS": "30,x"}, "TRACE59_WARNING_THRESHOLDS_DAYS: '30,x' is not a list of days"),
        ({"TRACE59_ANSM_VIGILANCE_ADDRESS": "ansm"}, "TRACE59_ANSM_VIGILANCE_ADDRESS: 'ansm' is not a mail address"),
        ({"TRACE59_SECRET_KEY": "secret!"}, "TRACE59_SECRET_KEY: not base64"),
        ({"TRACE59_SECRET_KEY": base64.b64encode(b"short").decode()}, "TRACE59_SECRET_KEY: 5 bytes long"),
        ({"TRACE59_LOOKUP_KEY": base64.b64encode(bytes(32)).decode()}, "TRACE59_LOOKUP_KEY: too regular"),
        ({"TRACE59_DATA_KEYS": KEY}, "TRACE59_DATA_KEYS: each key is written <number>:"),
        ({"TRACE59_DATA_KEYS": f"1:{KEY},1:{KEY}"}, "TRACE59_DATA_KEYS: number 1 is given twice"),
        ({"DATABASE_URL": "sqlite:///trace59.db"}, "DATABASE_URL: not an address such as postgresql://"),
        ({"DATABASE_URL": "postgresql://server"}, "DATABASE_URL: not an address such as postgresql://"),
        ({"DATABASE_URL_FILE": "/nowhere"}, "DATABASE_URL_FILE: the file cannot be read (FileNotFoundError)"),
    ],
)
def test_an_odd_value_is_refused_with_its_sentence(tmp_path: Path, changes: dict[str, str], sentence: str) -> None:
    problems = problems_of(demonstration(tmp_path, **changes))

    assert len(problems) == 1
    assert problems[0].startswith(sentence)


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    problems = problems_of(demonstration(tmp_path, TRACE59_PORT="x", TRACE59_DEFAULT_LOCALE="de", TRACE59_X="1"))

    assert [problem.split(":")[0] for problem in problems] == ["TRACE59_PORT", "TRACE59_DEFAULT_LOCALE", "TRACE59_X"]


def test_the_demonstration_cannot_send_real_mail(tmp_path: Path) -> None:
    mail = {
        "TRACE59_MAIL_TRANSPORT": "smtp",
        "TRACE59_SMTP_HOST": "mail.hospital.test",
        "TRACE59_MAIL_FROM": "pui@hospital.test",
    }

    assert problems_of(demonstration(tmp_path, **mail)) == (
        "TRACE59_MAIL_TRANSPORT: the demonstration never sends real mail; set TRACE59_MODE=production to use 'smtp'",
    )
    assert Settings.from_env(production(tmp_path, **mail)).smtp_port == 587


def test_smtp_needs_a_server_a_sender_and_encryption(tmp_path: Path) -> None:
    nothing = problems_of(production(tmp_path, TRACE59_MAIL_TRANSPORT="smtp"))
    unencrypted = problems_of(
        production(
            tmp_path,
            TRACE59_MAIL_TRANSPORT="smtp",
            TRACE59_MAIL_FROM="pui@hospital.test",
            TRACE59_SMTP_HOST="mail.hospital.test",
            TRACE59_SMTP_SECURITY="none",
        )
    )

    assert [problem.split(":")[0] for problem in nothing] == ["TRACE59_SMTP_HOST", "TRACE59_MAIL_FROM"]
    assert [problem.split(":")[0] for problem in unencrypted] == ["TRACE59_SMTP_SECURITY"]


@pytest.mark.parametrize(
    ("name", "value"), [("TRACE59_PUBLIC_URL", "http://trace59.hospital.test"), ("TRACE59_SECURE_COOKIES", "false")]
)
def test_production_refuses_what_would_send_a_log_in_unencrypted(tmp_path: Path, name: str, value: str) -> None:
    problems = problems_of(production(tmp_path, **{name: value}))

    assert [problem.split(":")[0] for problem in problems] == [name]


def test_a_secret_may_come_from_a_file_but_not_twice(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{OTHER_KEY}\n")
    environ = production(tmp_path, TRACE59_SECRET_KEY_FILE=str(file))

    assert problems_of(environ) == (
        "TRACE59_SECRET_KEY: given twice, directly and as TRACE59_SECRET_KEY_FILE; keep one",
    )
    del environ["TRACE59_SECRET_KEY"]
    assert Settings.from_env(environ).secret_key == bytes(range(32, 64))


def test_no_secret_is_repeated_in_a_sentence_or_in_a_log(tmp_path: Path) -> None:
    environ = production(tmp_path, DATABASE_URL="postgresql://app:hidden@db/trace59", TRACE59_SMTP_PASSWORD="hidden")
    shown = repr(Settings.from_env(environ))
    refused = problems_of({**environ, "DATABASE_URL": "mysql://app:hidden@db/trace59", "TRACE59_DATA_KEYS": "hidden"})

    assert "hidden" not in shown + "".join(refused)
    assert not any(key.split(":")[-1] in shown for name, key in environ.items() if name.endswith(("KEY", "KEYS")))


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_a_postgresql_address_uses_one_driver(tmp_path: Path, scheme: str) -> None:
    settings = Settings.from_env(demonstration(tmp_path, DATABASE_URL=f"{scheme}://app@db/trace59"))

    assert settings.database_url == "postgresql+psycopg://app@db/trace59"


def test_the_highest_number_of_the_key_ring_comes_first() -> None:
    assert read_key_ring(f"1:{KEY}, 12:{OTHER_KEY}") == ((12, bytes(range(32, 64))), (1, bytes(range(32))))
