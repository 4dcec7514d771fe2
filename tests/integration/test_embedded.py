"""The embedded PostgreSQL survives what happens to computers: kill -9, stale files, two starts at once, odd folders."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from tracker import embedded
from tracker.embedded import EmbeddedFailed, EmbeddedServer
from tracker.maintenance import connection_string

START_ELSEWHERE = """
import sys, time
from pathlib import Path
from tracker import embedded
server = embedded.start(Path(sys.argv[1]), durable=False)
print("started", flush=True)
time.sleep(600)
"""
is_root = os.geteuid() == 0


@pytest.fixture
def var() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="trace59-embedded-"))
    yield folder
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name() == "postgres" and process.cwd().startswith(str(folder)):
                process.kill()
    shutil.rmtree(folder)


def postmaster_pid(server: EmbeddedServer) -> int:
    return int((server.folder / "data" / "postmaster.pid").read_text().split()[0])


def connect(url: str) -> psycopg.Connection:
    return psycopg.connect(connection_string(url), autocommit=True)


def kill(server: EmbeddedServer) -> None:
    os.kill(postmaster_pid(server), signal.SIGKILL)
    while server.is_running():
        time.sleep(0.01)


def test_the_programs_role_is_bound_and_its_requests_are_limited(var: Path) -> None:
    server = embedded.start(var, durable=False)

    with connect(server.app_url) as connection:
        role = connection.execute(
            "select rolsuper, rolbypassrls, rolcreatedb, rolcreaterole from pg_roles where rolname = current_user"
        ).fetchone()
        limits = [connection.execute("select current_setting(%s)", [name]).fetchone() for name in embedded.ROLE_LIMITS]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("create table intruder (id int)")

    assert role == (False, False, False, False)
    assert limits == [("15s",), ("5s",), ("1min",), ("UTC",)]
    assert server.stop()


def test_the_server_listens_on_no_network_address_and_lets_no_other_user_in(var: Path) -> None:
    server = embedded.start(var, durable=False)

    with connect(server.superuser_url) as connection:
        addresses = connection.execute("show listen_addresses").fetchone()
    mode = server.socket_directory.stat().st_mode & 0o777
    server.stop()

    assert addresses == ("",)
    assert mode == 0o700


def test_a_second_start_takes_the_same_server_over_and_the_last_one_out_stops_it(var: Path) -> None:
    first = embedded.start(var, durable=False)
    pid = postmaster_pid(first)
    second = embedded.start(var, durable=False)

    assert postmaster_pid(second) == pid
    assert not first.stop()
    assert second.is_running()
    assert second.stop()
    assert not second.is_running()


def test_starts_at_the_same_moment_make_one_server(var: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        servers = list(pool.map(lambda _: embedded.start(var, durable=False), range(4)))

    assert len({postmaster_pid(server) for server in servers}) == 1
    assert [server.stop() for server in servers] == [False, False, False, True]


def test_kill_9_of_the_program_leaves_the_server_to_the_next_start(var: Path) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", START_ELSEWHERE, str(var)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert program.stdout
    assert program.stdout.readline() == b"started\n"
    pid = int((var / "pg" / "data" / "postmaster.pid").read_text().split()[0])

    program.kill()
    program.communicate()
    server = embedded.start(var, durable=False)

    assert postmaster_pid(server) == pid
    assert server.stop(), "a killed program holds no share"


def test_kill_9_of_the_server_loses_nothing_that_was_committed(var: Path) -> None:
    server = embedded.start(var)
    with connect(server.owner_url) as connection:
        connection.execute("create table fact (id int primary key)")
        connection.execute("insert into fact select generate_series(1, 1000)")

    kill(server)
    again = embedded.start(var)
    with connect(again.owner_url) as connection:
        count = connection.execute("select count(*) from fact").fetchone()

    assert count == (1000,)
    server.share.close()
    assert again.stop()


def test_a_connection_that_outlives_its_killed_server_does_not_block_the_next_start(var: Path) -> None:
    server = embedded.start(var, durable=False)
    with ThreadPoolExecutor(1) as pool:
        sleeper = pool.submit(_sleep_in_the_server, server.superuser_url)
        _wait_for_sleeper(server.superuser_url)
        os.kill(postmaster_pid(server), signal.SIGKILL)

        again = embedded.start(var, durable=False)

        assert again.is_running()
        assert isinstance(sleeper.exception(30), psycopg.OperationalError)
    server.share.close()
    assert again.stop()


def _sleep_in_the_server(url: str) -> None:
    with connect(url) as connection:
        connection.execute("select pg_sleep(120)")


def _wait_for_sleeper(url: str) -> None:
    with connect(url) as connection:
        query = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'"
        while connection.execute(query).fetchone() != (1,):
            time.sleep(0.01)


def test_a_lock_file_whose_number_now_belongs_to_another_program_does_not_block_the_start(var: Path) -> None:
    server = embedded.start(var, durable=False)
    pid_file = server.folder / "data" / "postmaster.pid"
    socket_lock = server.socket_directory / ".s.PGSQL.5432.lock"
    lines, socket_lines = pid_file.read_text().splitlines(), socket_lock.read_text().splitlines()
    assert server.stop()
    account = pwd.getpwnam("trace59").pw_uid if is_root else None  # the bystander's number is one that counts

    with subprocess.Popen(["/bin/sleep", "60"], user=account) as bystander:
        for path, content in [(pid_file, lines), (socket_lock, socket_lines)]:
            path.write_text("\n".join([str(bystander.pid), *content[1:], ""]))
            os.chown(path, account or -1, -1)
        again = embedded.start(var, durable=False)
        bystander.kill()

    assert postmaster_pid(again) != bystander.pid
    assert again.stop()


def test_a_recovery_longer_than_ten_seconds_is_waited_for(var: Path) -> None:
    server = embedded.start(var, durable=False)
    data = server.folder / "data"
    with connect(server.superuser_url) as connection:
        connection.execute("alter system set restore_command = 'sleep 2.3; false'")  # asked five times
        connection.execute("alter system set hot_standby = off")
    assert server.stop()
    shutil.copy(data / "PG_VERSION", data / "recovery.signal")
    shutil.copystat(data / "PG_VERSION", data / "recovery.signal")
    if is_root:
        shutil.chown(data / "recovery.signal", "trace59", "trace59")
    began = time.monotonic()

    again = embedded.start(var, durable=False)

    assert time.monotonic() - began > 10
    assert again.stop()


def test_a_first_start_that_was_cut_short_is_made_anew(var: Path) -> None:
    unfinished = var / "pg" / "data.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18")

    server = embedded.start(var, durable=False)

    assert not unfinished.exists()
    assert server.stop()


def test_a_folder_too_long_for_a_socket_gets_a_short_place_for_it(var: Path) -> None:
    deep = var / ("a" * 60) / ("b" * 60)
    server = embedded.start(deep, durable=False)

    again = embedded.start(deep, durable=False)

    assert again.socket_directory == server.socket_directory
    assert deep not in server.socket_directory.parents
    with connect(again.app_url) as connection:
        assert connection.execute("select current_user").fetchone() == (embedded.APP_ROLE,)
    server.stop()
    assert again.stop()
    shutil.rmtree(server.socket_directory)


def test_a_folder_with_spaces_and_quotes_works(var: Path) -> None:
    server = embedded.start(var / 'l\'hôpital de "Saint-Malo"', durable=False)

    with connect(server.app_url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    assert server.stop()


def test_data_of_another_major_version_is_refused_with_a_sentence(var: Path) -> None:
    data = var / "pg" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("17\n")

    with pytest.raises(EmbeddedFailed, match=r"made by PostgreSQL 17.*Restore a backup"):
        embedded.start(var)

    assert (data / "PG_VERSION").read_text() == "17\n"


def test_a_server_that_cannot_start_says_why(var: Path) -> None:
    server = embedded.start(var, durable=False)
    assert server.stop()
    (server.folder / "data" / "global" / "pg_control").unlink()

    with pytest.raises(EmbeddedFailed, match="could not find the database system"):
        embedded.start(var, durable=False)


@pytest.mark.skipif(not is_root, reason="only root's folders are closed to the server's user")
def test_a_folder_closed_to_others_is_opened_for_walking_through_only(var: Path) -> None:
    var.chmod(0o700)

    server = embedded.start(var, durable=False)

    assert var.stat().st_mode & 0o777 == 0o701
    assert server.stop()
