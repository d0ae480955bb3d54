"""H4, H9, S2, S3 with thousands of clients that mean no good: descriptors, memory and CPU come back to the base.

What a herd may cost is measured in memory, never in time. The heap keeps what it freed; so "back to the base" means
that a second herd of the same kind needs no more than the first one.
"""
# ctest: label=once serial timeout=600

import os
import resource

import pytest

from harness import procfs
from harness.client import request_bytes
from harness.limits import FACTOR, duration, observe, wait_until
from harness.message import BROKEN, COMPLETE
from harness.payload import KIB, MIB, payload, sha256

SANITIZED = bool(os.environ.get("MIDSTREAM_SANITIZE"))
IDLE = 2_000 if SANITIZED else 10_000
HERD = 200 if SANITIZED else 1_000

SMALL = payload(4 * KIB, seed="hostile")
LARGE = payload(20 * MIB, seed="hostile")


@pytest.fixture(scope="module", autouse=True)
def many_descriptors():
    """For the clients; the server takes what it may by itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < IDLE + 500:
        pytest.skip(f"only {hard} descriptors are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (IDLE + 500 if soft < IDLE + 500 else soft, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def site(launch):
    """One worker, so that a herd is all its own. Timeouts that no test here waits for."""
    site = launch("--threads", "1")
    prepare(site)
    yield site
    site.close_clients()
    site.check_healthy()


@pytest.fixture
def hasty(launch):
    site = launch("--threads", "1", "--header-timeout", duration(2), "--body-timeout", duration(2),
                  "--stall-timeout", duration(2))
    prepare(site)
    yield site
    site.close_clients()
    site.check_healthy()


def prepare(site):
    site.put("small.bin", SMALL)
    site.put("large.bin", LARGE)
    assert site.get("/small.bin").body == SMALL
    assert site.get("/large.bin").sha256 == sha256(LARGE)
    site.wait_for_base()


def sockets(site):
    return site.fd_kinds()["socket"] - site.base["socket"]


def wait_for_sockets(site, count):
    wait_until(lambda: sockets(site) == count, f"the server does not hold {count} connections", 30)


def check_serves(site):
    assert site.get("/small.bin", seconds=10).body == SMALL
    assert site.get("/large.bin", seconds=20).sha256 == sha256(LARGE)


def check_rests(site, what):
    before = site.cpu_ticks()
    observe(1)
    ticks = site.cpu_ticks() - before
    assert ticks <= 2 * FACTOR, f"{ticks} ticks in a second {what}"


def check_memory(bytes_each, most, what):
    if not SANITIZED:  # whose allocators are another matter
        assert bytes_each <= most, f"{bytes_each:.0f} bytes for each {what}"


class Herd:
    """`count` clients of which each did the same; what they cost the server in memory."""

    def __init__(self, site, count, start, receive_buffer=None):
        self._site = site
        self._before = procfs.memory_bytes(site.pid)
        self.clients = [site.connect(receive_buffer) for _ in range(count)]
        for client in self.clients:
            start(client)

    @property
    def bytes_each(self):
        return (procfs.memory_bytes(self._site.pid) - self._before) / len(self.clients)

    def leave(self, reset_every=2):
        for number, client in enumerate(self.clients):
            if number % reset_every == 0:
                client.reset()
            else:
                client.close()
        self._site.wait_for_base("after the herd has left", seconds=30)


def use_once(client):
    assert client.get("/small.bin").body == SMALL


# -- idle connections -----------------------------------------------------------------------------

@pytest.mark.bound(300)
def test_S3_thousands_of_idle_connections(site):
    first = Herd(site, IDLE, use_once)
    wait_for_sockets(site, IDLE)
    check_memory(first.bytes_each, 2 * KIB, "idle connection")
    check_rests(site, f"while {IDLE} connections are idle")
    check_serves(site)
    for client in first.clients[::97]:
        use_once(client)  # they are alive
    first.leave()
    check_rests(site, "after they have left")

    peak = procfs.memory_bytes(site.pid)
    second = Herd(site, IDLE, use_once)
    wait_for_sockets(site, IDLE)
    check_memory((procfs.memory_bytes(site.pid) - peak) / IDLE, 2 * KIB, "idle connection of the second herd")
    again = procfs.memory_bytes(site.pid)
    second.leave()
    third = Herd(site, IDLE, use_once)
    check_memory((procfs.memory_bytes(site.pid) - again) / IDLE, 64, "connection of the third herd, beyond the second")
    third.leave()
    check_serves(site)


@pytest.mark.bound(300)
def test_S3_idle_connections_that_were_never_used(site):
    herd = Herd(site, IDLE, lambda client: None)
    wait_for_sockets(site, IDLE)
    check_memory(herd.bytes_each, 2 * KIB, "connection that was never used")
    check_rests(site, f"while {IDLE} connections say nothing")
    check_serves(site)
    herd.leave()


# -- slow ones ------------------------------------------------------------------------------------

def send_half_a_head(client):
    client.send(request_bytes("/small.bin", fields=[("X", "x" * 3000)])[:2000])


def send_half_a_body(client):
    client.send(request_bytes("/small.bin", fields=[("Transfer-Encoding", "chunked")]) + b"1000\r\n" + b"c" * 2000)


def send_half_an_unwanted_body(client):
    client.send(request_bytes("/small.bin", "POST", [("Content-Length", 30_000)]) + b"b" * 2000)


@pytest.mark.bound(300)
@pytest.mark.parametrize("start", [send_half_a_head, send_half_a_body, send_half_an_unwanted_body])
def test_H4_slow_senders_are_cut_though_they_stay(hasty, start):
    """They hold a buffer each, until their time is over; then nothing is left of them, and the next herd of them
    finds that memory."""
    peaks = []
    for _ in range(3):
        herd = Herd(hasty, HERD, start)
        peaks.append(procfs.memory_bytes(hasty.pid))
        check_memory(herd.bytes_each, 40 * KIB, "slow sender")
        check_serves(hasty)
        hasty.wait_for_base("while the slow senders stay", seconds=30)
        check_rests(hasty, "after they were cut")
        for client in herd.clients:
            client.close()
    check_memory((peaks[2] - peaks[1]) / HERD, KIB, "slow sender of the third herd, beyond the second")
    check_serves(hasty)


@pytest.mark.bound(300)
@pytest.mark.parametrize("target, fields", [("/large.bin", []), ("/large.bin", [("Range", "bytes=5-9999999")])],
                         ids=["file", "range"])
def test_S2_clients_that_never_read_cost_no_memory_and_are_cut(hasty, target, fields):
    def start(client):
        client.request(target, fields=fields)
        client.read_head(keep_body=False)

    herd = Herd(hasty, HERD, start, receive_buffer=8 * KIB)
    check_memory(herd.bytes_each, 4 * KIB, "stalled reader of 20 MiB")
    check_serves(hasty)
    hasty.wait_for_base("while the clients neither read nor leave", seconds=60)
    check_rests(hasty, "after they were cut")
    for client in herd.clients:
        client.close()


@pytest.mark.bound(300)
def test_S2_slow_readers_get_every_byte_and_delay_nobody(site):
    def start(client):
        client.request("/large.bin")

    herd = Herd(site, 50, start, receive_buffer=16 * KIB)
    responses = [client.read_head(keep_body=False) for client in herd.clients]
    for _ in range(20):
        for client, response in zip(herd.clients, responses):
            client.read_size(response, response.size + 1, most=10 * KIB)
        assert site.get("/small.bin", seconds=10).body == SMALL
    for client, response in list(zip(herd.clients, responses))[:5]:
        client.read_rest(response)
        assert (response.ending, response.sha256) == (COMPLETE, sha256(LARGE))
    herd.leave()


# -- those that leave -----------------------------------------------------------------------------

@pytest.mark.bound(300)
def test_H9_resets_in_the_middle_of_what_the_client_sends(site):
    """The transfers of the server are in test_http1_resets; here it is the server that waits."""
    with site.grow("growing.log") as growing:
        growing.append(b"begin")
        stages = [
            lambda client: send_half_a_head(client),
            lambda client: send_half_a_body(client),
            lambda client: send_half_an_unwanted_body(client),
            lambda client: client.request("/small.bin", fields=[("Transfer-Encoding", "chunked")]),
            lambda client: client.try_send(b"GET / HTTP/1.1\r\n\r\n" + b"x" * 30_000),  # refused, lingering
            lambda client: client.try_send(b"GET /" + b"a" * 100_000),
            lambda client: (client.request("/growing.log"), client.read_head()),
            lambda client: client.send(request_bytes("/growing.log") + request_bytes("/small.bin") * 50),
            lambda client: client.request("/small.bin", "POST", [("Content-Length", 5), ("Expect", "100-continue")]),
        ]
        memory = []
        for _ in range(3):
            for number in range(HERD):
                client = site.connect()
                stages[number % len(stages)](client)
                client.reset()
            wait_until(lambda: sockets(site) == 0, "connections are left", 30)
            memory.append(procfs.memory_bytes(site.pid))
        check_memory((memory[2] - memory[0]) / HERD, KIB, "reset, for good")
    check_rests(site, "after all were reset")
    check_serves(site)
    os.unlink(site.path("growing.log"))


@pytest.mark.bound(300)
def test_H9_a_client_that_only_connects_and_leaves(site):
    before = procfs.memory_bytes(site.pid)
    for number in range(IDLE):
        client = site.connect()
        if number % 2:
            client.reset()
        else:
            client.close()
    site.wait_for_base("after they have left", seconds=30)
    check_memory((procfs.memory_bytes(site.pid) - before) / IDLE, 64, "connection that came and left")
    check_serves(site)


@pytest.mark.bound(120)
def test_H4_a_broken_message_is_what_a_client_that_never_read_finds(hasty):
    with hasty.connect(receive_buffer=16 * KIB) as client:
        client.request("/large.bin")
        response = client.read_head()
        hasty.wait_for_base("while it does not read", seconds=30)
        client.read_rest(response)
        assert response.ending in BROKEN
        assert response.body == LARGE[:response.size]
