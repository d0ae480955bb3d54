"""Stopping in an orderly way: what runs is finished, within the grace period."""
# ctest: label=shared

import os
import signal
import socket
import threading

import pytest

from harness.client import request_bytes
from harness.limits import duration, limit, wait_until
from harness.message import BROKEN, COMPLETE, NOTHING
from harness.payload import KIB, MIB, payload, sha256

LARGE = payload(20 * MIB, seed="stop")


def refused(address):
    try:
        with socket.create_connection(address, timeout=5):
            return False
    except OSError:
        return True


def begin(site, target="/large.bin"):
    client = site.connect(receive_buffer=32 * KIB)
    client.request(target)
    return client, client.read_head(keep_body=False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_without_work_ends_at_once(launch, number):
    site = launch()
    site.signal(number)
    assert site.wait_exit(5) == 0


@pytest.mark.skipif("thread" in os.environ.get("MIDSTREAM_SANITIZE", ""),
                    reason="ThreadSanitizer hands signals on late, and about once in 600 starts not at all")
def test_stop_right_behind_the_ready_line(launch):
    """Whoever has been told that it listens may stop it."""
    for _ in range(10):
        site = launch(warm=False)
        site.signal(signal.SIGTERM)
        assert site.wait_exit(5) == 0


def test_stop_finishes_the_running_transfer_and_refuses_new_connections(launch):
    site = launch("--grace", duration(20))
    site.put("large.bin", LARGE)
    client, response = begin(site)
    site.signal(signal.SIGTERM)
    wait_until(lambda: refused(site.address), "it still accepts connections")
    assert site.alive
    with client:
        client.read_rest(response)
        assert (response.ending, response.sha256) == (COMPLETE, sha256(LARGE))
        assert client.read_end()[0] == b""
    assert site.wait_exit(10) == 0


def test_stop_does_not_wait_for_idle_connections(launch):
    site = launch("--grace", duration(30))
    site.put("small.txt", b"small")
    idle = [site.connect() for _ in range(5)]
    for client in idle:
        assert client.get("/small.txt").body == b"small"
    fresh = site.connect()  # never asked anything
    site.signal(signal.SIGTERM)
    assert site.wait_exit(8) == 0
    for client in [*idle, fresh]:
        assert client.read_end()[0] == b""
        client.close()


def test_stop_answers_no_further_request_of_a_busy_connection(launch):
    site = launch("--grace", duration(20))
    site.put("large.bin", LARGE)
    client, response = begin(site)
    site.signal(signal.SIGTERM)
    wait_until(lambda: refused(site.address), "it still accepts connections")
    with client:
        client.try_send(b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        client.read_rest(response)
        assert response.sha256 == sha256(LARGE)
        rest, _ = client.read_end()
        assert b"HTTP/1.1 200" not in rest[:12], "a new request was begun after SIGTERM"
    assert site.wait_exit(10) == 0


def test_stop_under_load_cuts_no_answer(launch):
    """Clients that ask without a pause: each answer that begins is whole, and then the connection is over."""
    site = launch("--grace", duration(20))
    content = payload(300 * KIB, seed="load")
    site.put("file.bin", content)
    under_way = threading.Barrier(9)
    failures = []

    def ask_until_closed():
        try:
            with site.connect() as client:
                assert client.get("/file.bin").sha256 == sha256(content)
                under_way.wait(limit(20))
                while client.try_send(request_bytes("/file.bin") * 3):
                    for _ in range(3):
                        response = client.read_response()
                        if response.ending == NOTHING:
                            return
                        assert (response.ending, response.sha256) == (COMPLETE, sha256(content)), response
        except Exception as error:  # told by the main thread
            failures.append(repr(error))

    clients = [threading.Thread(target=ask_until_closed) for _ in range(8)]
    for client in clients:
        client.start()
    under_way.wait(limit(20))
    site.signal(signal.SIGTERM)
    for client in clients:
        client.join(limit(30))
    assert not failures, failures[:3]
    assert site.wait_exit(10) == 0


def test_stop_ends_when_the_grace_period_is_over(launch):
    site = launch("--grace", duration(0.5))
    site.put("large.bin", LARGE)
    client, response = begin(site)
    site.signal(signal.SIGTERM)
    code = site.wait_exit(10)
    assert code >= 0, f"ended by signal {-code}"
    with client:
        client.read_rest(response)
        assert response.ending in BROKEN, "what was cut off looks complete"


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_stop_cuts_a_growing_file_visibly_when_the_grace_period_is_over(launch, version):
    site = launch("--grace", duration(0.5))
    with site.grow("growing.log") as growing, site.connect() as client:
        growing.append(b"so far")
        client.request("/growing.log", version=version)
        response = client.read_head()
        client.read_size(response, 6)
        site.signal(signal.SIGTERM)
        client.read_rest(response)
        assert (response.ending in BROKEN, response.body) == (True, b"so far"), response
        assert site.wait_exit(10) >= 0


def test_stop_lets_a_growing_file_end_within_the_grace_period(launch):
    site = launch("--grace", duration(20))
    with site.grow("growing.log") as growing, site.connect() as client:
        growing.append(b"so far")
        client.request("/growing.log")
        response = client.read_head()
        client.read_size(response, 6)
        site.signal(signal.SIGTERM)
        wait_until(lambda: refused(site.address), "it still accepts connections")
        growing.append(b" and on")
        client.read_size(response, 13)
        growing.close()
        client.read_rest(response)
        assert (response.ending, response.body) == (COMPLETE, b"so far and on")
        assert client.read_end() == (b"", "fin")
    assert site.wait_exit(10) == 0


def test_stop_a_second_signal_ends_at_once(launch):
    site = launch("--grace", duration(60))
    site.put("large.bin", LARGE)
    client, response = begin(site)
    site.signal(signal.SIGTERM)
    wait_until(lambda: refused(site.address), "it still accepts connections")
    assert site.alive
    site.signal(signal.SIGTERM)
    assert site.wait_exit(5) != 0
    with client:
        client.read_rest(response)
        assert response.ending in BROKEN


@pytest.mark.parametrize("how", ["second-signal", "kill"])
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_L4_a_server_that_dies_leaves_no_body_that_looks_whole(launch, version, how):
    site = launch("--grace", duration(60))
    with site.grow("growing.log") as growing, site.connect() as client:
        growing.append(b"so far")
        client.request("/growing.log", version=version)
        response = client.read_head()
        client.read_size(response, 6)
        if how == "kill":
            site.kill()
        else:
            site.signal(signal.SIGTERM)
            wait_until(lambda: refused(site.address), "it still accepts connections")
            site.signal(signal.SIGTERM)
            assert site.wait_exit(5) != 0
        client.read_rest(response)
        assert response.ending in BROKEN, response


def test_stop_does_not_wait_for_the_rest_of_a_request_that_is_answered(launch):
    site = launch("--grace", duration(60), "--body-timeout", duration(60))
    with site.connect() as client:
        client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nonly this")
        assert client.read_response().status == 405
        site.signal(signal.SIGTERM)
        client.read_end()
    assert site.wait_exit(10) == 0


def test_stop_with_a_log_that_nobody_reads_ends_at_the_second_signal(launch, tmp_path):
    fifo = tmp_path / "log"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    site = launch("--access-log", os.fspath(fifo))
    try:
        target = "/" + "a" * 2000
        with site.connect() as client:
            for _ in range(60):  # more than a pipe holds
                assert client.get(target).status == 404
        site.signal(signal.SIGTERM)
        wait_until(lambda: refused(site.address), "it still accepts connections")
        site.signal(signal.SIGTERM)
        site.wait_exit(10)
    finally:
        os.close(reader)


def test_stop_frees_the_port_for_a_successor(launch):
    site = launch()
    host, port = site.address
    assert site.stop() == 0
    successor = launch(listeners=(f"{host}:{port}",))
    assert successor.address == (host, port)
    successor.put("file.txt", b"again")
    assert successor.get("/file.txt").body == b"again"
