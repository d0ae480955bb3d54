"""S1-S5: how bytes leave: by sendfile, in few calls, without work while waiting, never mixed up."""

import os
import random
import re
import threading

import pytest

from harness import procfs
from harness.client import request_bytes
from harness.limits import FACTOR, limit, observe
from harness.message import BROKEN, COMPLETE
from harness.payload import KIB, MIB, payload, sha256
from harness.strace import Strace

LARGE = payload(20 * MIB, seed="sending")
PLAIN = payload(MIB, seed="plain")
SMALL = payload(1000, seed="small")

WRITES = ["write", "writev", "sendto", "sendmsg", "sendfile", "splice", "pwrite64"]


@pytest.fixture(scope="module", autouse=True)
def files(server):
    server.put("large.bin", LARGE)
    server.put("plain.bin", PLAIN)
    server.put("small.bin", SMALL)


# -- S1 -------------------------------------------------------------------------------------------

def sent_by_sendfile(trace):
    calls = [call for call in trace.named("sendfile") if call.result > 0]
    for call in calls:
        assert re.match(r"\d+, \d+, \[\d+\]", call.arguments), f"no explicit offset: {call}"
    return sum(call.result for call in calls)


def test_S1_a_plain_file_goes_by_sendfile(site, tmp_path):
    site.get("/plain.bin")
    with Strace(site.pid, ["sendfile"], tmp_path) as trace:
        assert site.get("/plain.bin").sha256 == sha256(PLAIN)
    assert sent_by_sendfile(trace) >= 0.9 * MIB, trace.calls


def test_S1_a_range_goes_by_sendfile(site, tmp_path):
    with Strace(site.pid, ["sendfile"], tmp_path) as trace:
        response = site.get("/plain.bin", fields=[("Range", "bytes=500000-899999")])
        assert response.sha256 == sha256(PLAIN[500_000:900_000])
    assert sent_by_sendfile(trace) >= 360_000, trace.calls


@pytest.mark.parametrize("version, framing", [("HTTP/1.1", "chunked"), ("HTTP/1.0", "close")])
def test_S1_a_growing_file_of_unknown_length_goes_by_sendfile(site, tmp_path, version, framing):
    with site.grow(f"growing-{framing}.bin") as growing, site.connect() as client:
        with Strace(site.pid, ["sendfile"], tmp_path) as trace:
            client.request(f"/growing-{framing}.bin", version=version)
            response = client.read_head()
            assert response.framing == framing
            for number in range(8):
                growing.append(payload(256 * KIB, seed=number))
                client.read_size(response, growing.size)
            growing.close()
            client.read_rest(response)
        assert (response.ending, response.sha256) == (COMPLETE, growing.sha256)
    assert sent_by_sendfile(trace) >= 0.9 * 2 * MIB, trace.calls


def test_S1_a_small_piece_of_a_growing_file_leaves_in_one_call(site, tmp_path):
    """Its bytes and the framing around them, from memory: that is cheaper than sendfile between two writes."""
    with site.grow("pieces.log") as growing, site.connect() as client:
        client.request("/pieces.log")
        response = client.read_head()
        with Strace(site.pid, WRITES, tmp_path) as trace:
            for number, size in enumerate((1, 100, 4 * KIB, 16 * KIB)):
                growing.append(payload(size, seed=number))
                client.read_size(response, growing.size)
        growing.close()
        client.read_rest(response)
        assert (response.ending, response.sha256) == (COMPLETE, growing.sha256)
    assert [call.name for call in trace.calls if call.result > 0 and call.name in ("sendmsg", "sendfile")] == ["sendmsg"] * 4


def test_S1_one_file_serves_many_clients_at_once_at_their_own_offsets(site):
    clients = [site.connect(receive_buffer=32 * KIB) for _ in range(40)]
    responses = []
    for client in clients:
        client.request("/large.bin")
        responses.append(client.read_head(keep_body=False))
    choice = random.Random(3)
    for _ in range(200):
        number = choice.randrange(len(clients))
        clients[number].read_size(responses[number], responses[number].size + choice.randrange(1, 100 * KIB))
    for number in choice.sample(range(len(clients)), 8):
        clients[number].read_rest(responses[number])
        assert responses[number].sha256 == sha256(LARGE)
    for client in clients:
        client.close()


# -- S2 -------------------------------------------------------------------------------------------

def test_S2_a_client_that_pauses_gets_every_byte(site):
    with site.connect(receive_buffer=64 * KIB) as client:
        client.request("/large.bin")
        response = client.read_head(keep_body=False)
        observe(10)  # S2: a client that pauses 10 s
        client.read_rest(response)
        assert (response.ending, response.sha256) == (COMPLETE, sha256(LARGE))
        assert client.get("/small.bin").body == SMALL


def test_S2_a_slow_reader_gets_every_byte(site):
    with site.connect(receive_buffer=16 * KIB) as client:
        client.request("/large.bin")
        response = client.read_head(keep_body=False)
        for _ in range(150):
            client.read_size(response, response.size + 1, most=10 * KIB)
            observe(0.01)
        client.read_rest(response)
        assert (response.ending, response.sha256) == (COMPLETE, sha256(LARGE))


# -- S3 -------------------------------------------------------------------------------------------

STALLED = 500


def idle_ticks(site, seconds=2):
    """CPU time that the server spends while nothing happens."""
    before = site.cpu_ticks()
    observe(seconds)
    return site.cpu_ticks() - before


def test_S3_stalled_clients_cost_no_cpu_and_delay_nobody(site):
    clients = [site.connect(receive_buffer=8 * KIB) for _ in range(STALLED)]
    for client in clients:
        client.request("/large.bin")
        client.read_head(keep_body=False)
    ticks = idle_ticks(site)
    assert ticks <= 2 * FACTOR, f"{ticks} ticks in 2 s while {STALLED} clients are stalled"
    for _ in range(50):
        assert site.get("/small.bin", seconds=5).body == SMALL
    assert site.get("/large.bin", keep_body=False).sha256 == sha256(LARGE)
    for client in clients:
        client.close()


def test_S3_readers_waiting_for_growth_cost_no_cpu(site):
    with site.grow("quiet.log") as growing:
        growing.append(b"begin")
        clients = [site.connect() for _ in range(STALLED)]
        responses = []
        for client in clients:
            client.request("/quiet.log")
            responses.append(client.read_size(client.read_head(), 5))
        ticks = idle_ticks(site)
        assert ticks <= 2 * FACTOR, f"{ticks} ticks in 2 s while {STALLED} readers wait"
        growing.append(b" end")
        growing.close()
        for client, response in zip(clients, responses):
            client.read_rest(response)
            assert (response.ending, response.body) == (COMPLETE, b"begin end")
            client.close()


def test_S3_idle_connections_cost_no_cpu(site):
    clients = [site.connect() for _ in range(STALLED)]
    for client in clients:
        assert client.get("/small.bin").body == SMALL
    assert idle_ticks(site, 1) <= 4 * FACTOR
    for client in clients:
        client.close()


# -- S4 -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("size", [0, 1, 1000, 4 * KIB, 7 * KIB])
def test_S4_head_and_body_of_a_small_file_leave_in_one_call(site, tmp_path, size):
    content = payload(size, seed="s4")
    site.put(f"one-call-{size}.bin", content)
    with site.connect() as client:
        client.get(f"/one-call-{size}.bin")  # whatever the first request does more
        with Strace(site.pid, WRITES, tmp_path, string_size=16) as trace:
            response = client.get(f"/one-call-{size}.bin")
        assert response.body == content
    heads = [call for call in trace.calls if '"HTTP/1.1 200' in call.arguments]
    assert len(heads) == 1, trace.calls
    on_the_socket = [call for call in trace.calls if call.fd == heads[0].fd]
    assert len(on_the_socket) == 1, on_the_socket
    assert heads[0].result > size, heads


def test_S4_a_small_file_arrives_in_one_read(site):
    with site.connect() as client:
        client.get("/small.bin")
        for _ in range(20):
            client.request("/small.bin")
            client.socket.settimeout(limit(10))
            wire = client.socket.recv(64 * KIB)
            assert wire.endswith(SMALL), "head and body came in two pieces"


# -- S5 -------------------------------------------------------------------------------------------

def test_S5_contents_never_mix_under_churn(site):
    """Many different files, opened, left, reset and replaced while others are read by hash."""
    count = 120
    choice = random.Random(5)
    sizes = [choice.choice([10, 900, 5 * KIB, 9 * KIB, 70 * KIB, 600 * KIB]) for _ in range(count)]
    hashes = {}
    for number, size in enumerate(sizes):
        content = payload(size, seed=f"churn-{number}")
        hashes[number] = (size, sha256(content))
        site.put(f"churn/{number}.bin", content)
    failures = []

    def churn(worker):
        random_choice = random.Random(worker)
        try:
            for _ in range(250):
                one_step(random_choice)
        except Exception as error:  # told by the main thread
            failures.append(repr(error))

    def check(number, response):
        assert response.status == 200 and response.ending == COMPLETE, response
        assert (response.size, response.sha256) == hashes[number], f"file {number} has another content"

    def one_step(random_choice):
        kind = random_choice.choice(["whole", "whole", "pipeline", "reset", "leave", "touched"])
        numbers = [random_choice.randrange(count) for _ in range(5)]
        with site.connect(receive_buffer=random_choice.choice([None, 8 * KIB])) as client:
            if kind == "whole":
                for number in numbers[:3]:
                    check(number, client.get(f"/churn/{number}.bin"))
            elif kind == "pipeline":
                client.send(b"".join(request_bytes(f"/churn/{number}.bin") for number in numbers))
                for number in numbers:
                    check(number, client.read_response())
            elif kind in ("reset", "leave"):
                client.request(f"/churn/{numbers[0]}.bin")
                client.read_head()
                if kind == "reset":
                    client.reset()
            else:
                number = numbers[0]
                os.utime(site.path(f"churn/{number}.bin"))  # whatever is remembered about it is void
                check(number, client.get(f"/churn/{number}.bin"))

    workers = [threading.Thread(target=churn, args=(number,)) for number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failures, failures[:3]
    assert procfs.thread_count(site.pid) < 64


# -- S6 -------------------------------------------------------------------------------------------

def test_S6_a_read_error_closes_short_and_is_logged_with_the_path(launch, tmp_path):
    site = launch("--threads", "1")
    site.put("bad-disk.bin", LARGE)
    site.expected_errors.append("bad-disk.bin")
    with Strace(site.pid, ["sendfile"], tmp_path, inject=["sendfile:error=EIO:when=2+"]), site.connect() as client:
        client.request("/bad-disk.bin")
        response = client.read_rest(client.read_head())
        assert response.ending in BROKEN, response
        assert 0 < response.size < len(LARGE)
        assert response.body == LARGE[:response.size]
    site.stderr.wait(lambda lines: any("bad-disk.bin" in line for line in lines), "the log names the file")
    assert site.get("/bad-disk.bin").sha256 == sha256(LARGE), "the next one is served again"
