"""H9: clients that reset in the middle cost nothing."""

import pytest

from harness import procfs
from harness.client import request_bytes
from harness.payload import KIB, MIB, payload, sha256

LARGE = payload(8 * MIB, seed="reset")
SMALL = payload(4 * KIB)
RESETS = 10_000


@pytest.fixture(scope="module", autouse=True)
def files(server):
    server.put("large.bin", LARGE)
    server.put("small.bin", SMALL)


@pytest.mark.bound(120)
def test_H9_resets_at_every_stage_leave_nothing_behind(site):
    threads = procfs.thread_count(site.pid)
    for number in range(RESETS):
        client = site.connect(receive_buffer=32 * KIB)
        stage = number % 8
        if stage == 0:
            client.send(b"GET /large.bin HT")
        elif stage == 1:
            client.request("/large.bin")
        elif stage == 2:
            client.request("/large.bin")
            client.read_head(keep_body=False)
        elif stage == 3:
            client.request("/large.bin")
            client.read_size(client.read_head(keep_body=False), 300 * KIB)
        elif stage == 4:
            client.send(request_bytes("/small.bin") * 20)
            client.read_head()
        elif stage == 5:
            client.send(request_bytes("/large.bin") * 3)
            client.read_head(keep_body=False)
        elif stage == 6:
            client.request("/large.bin", version="HTTP/1.0")
            client.read_head(keep_body=False)
        client.reset()
    site.wait_for_base(f"after {RESETS} resets")
    assert procfs.thread_count(site.pid) == threads
    assert site.get("/large.bin").sha256 == sha256(LARGE)
    assert site.get("/small.bin").body == SMALL


def test_H9_nothing_is_put_into_the_stream_of_others(site):
    """A transfer that goes on while its neighbours are reset stays byte for byte what it is."""
    with site.connect(receive_buffer=32 * KIB) as steady:
        steady.request("/large.bin")
        response = steady.read_head(keep_body=False)
        for number in range(100):
            neighbour = site.connect(receive_buffer=32 * KIB)
            neighbour.request("/large.bin")
            neighbour.read_head(keep_body=False)
            neighbour.reset()
            steady.read_size(response, (number + 1) * 64 * KIB)
        steady.read_rest(response)
        assert response.sha256 == sha256(LARGE)
        assert steady.get("/small.bin").body == SMALL


def test_H9_fin_in_the_middle_of_a_transfer(site):
    for _ in range(100):
        with site.connect(receive_buffer=32 * KIB) as client:
            client.request("/large.bin")
            client.read_head(keep_body=False)
