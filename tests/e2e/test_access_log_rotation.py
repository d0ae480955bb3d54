"""SIGUSR1 reopens the access log: no line is lost, doubled or torn, whatever is going on."""
# ctest: label=shared

import collections
import json
import os
import signal
import threading

import pytest

from harness.limits import wait_until

CLIENTS = 8
ROTATIONS = 5


@pytest.fixture
def logged(launch, tmp_path):
    """A server with a log as JSON, and the log's path."""
    path = tmp_path / "access.log"
    site = launch("--access-log", path, "--access-log-format", "json", warm=False)
    site.put("file.txt", b"content")
    return site, path


def targets(path):
    return [json.loads(line)["target"] for line in path.read_text().splitlines()]


def rotate(site, path, name):
    """As logrotate does it: rename, signal. Returns once the new file is there."""
    moved = path.with_name(name)
    os.rename(path, moved)
    site.signal(signal.SIGUSR1)
    wait_until(path.exists, "the log was not opened again")
    return moved


def test_rotation_what_comes_later_is_in_the_new_file(logged):
    site, path = logged
    with site.connect() as client:
        client.get("/file.txt?before")
        wait_until(lambda: path.stat().st_size, "the first line was not written")
        moved = rotate(site, path, "access.log.1")
        client.get("/file.txt?after")
    assert site.stop() == 0
    assert targets(moved) == ["/file.txt?before"]
    assert targets(path) == ["/file.txt?after"]


def test_rotation_without_a_rename_goes_on_in_the_same_file(logged):
    site, path = logged
    with site.connect() as client:
        for number in range(10):
            client.get(f"/file.txt?{number}")
            site.signal(signal.SIGUSR1)
    assert site.stop() == 0
    assert targets(path) == [f"/file.txt?{number}" for number in range(10)]


@pytest.mark.bound(120)
def test_rotation_under_load_every_request_is_in_exactly_one_file(logged):
    """Kept connections on all workers that never pause, while the log is moved away again and again."""
    site, path = logged
    stop = threading.Event()
    asked = [[] for _ in range(CLIENTS)]
    failures = []

    def load(number):
        try:
            with site.connect() as client:
                while not stop.is_set():
                    target = f"/file.txt?{number}-{len(asked[number])}"
                    assert client.get(target).body == b"content"
                    asked[number].append(target)
        except Exception as error:  # told by the test's own thread
            failures.append(error)

    clients = [threading.Thread(target=load, args=(number,)) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        files = []
        for number in range(ROTATIONS):
            wait_until(lambda: path.stat().st_size > 10_000, "nothing is logged")
            files.append(rotate(site, path, f"access.log.{number}"))
        wait_until(lambda: path.stat().st_size > 10_000, "nothing is logged after the last rotation")
    finally:
        stop.set()
        for client in clients:
            client.join()
    assert not failures, failures[0]
    assert site.stop() == 0
    logged_targets = [target for file in [*files, path] for target in targets(file)]
    assert collections.Counter(logged_targets) == collections.Counter(target for own in asked for target in own)
    for number, own in enumerate(asked):  # and those of one connection in order
        assert [target for target in logged_targets if target.startswith(f"/file.txt?{number}-")] == own


def test_rotation_where_the_new_file_cannot_be_opened_goes_on_in_the_old_one(logged):
    site, path = logged
    site.expected_errors.append("cannot open .*access.log again")
    with site.connect() as client:
        client.get("/file.txt?before")
        moved = path.with_name("access.log.1")
        os.rename(path, moved)
        path.mkdir()
        site.signal(signal.SIGUSR1)
        site.stderr.wait(lambda lines: any("cannot open" in line and str(path) in line for line in lines),
                         "nobody is told")
        client.get("/file.txt?after")
    assert site.stop() == 0
    assert targets(moved) == ["/file.txt?before", "/file.txt?after"]


@pytest.mark.parametrize("log", ["-", "off"])
def test_rotation_where_there_is_no_file_is_nothing(launch, log):
    site = launch("--access-log", log)
    site.put("file.txt", b"content")
    site.signal(signal.SIGUSR1)
    assert site.get("/file.txt").body == b"content"
    site.check_healthy()
    assert site.stop() == 0
