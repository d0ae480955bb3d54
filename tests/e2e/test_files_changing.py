"""F15: a plain file that changes while it is sent. What was promised is kept or visibly broken."""

import os

import pytest

from harness.message import BROKEN, COMPLETE
from harness.payload import KIB, MIB, payload, sha256

CONTENT = payload(24 * MIB, seed="changing")


def stalled_transfer(site, name, version="HTTP/1.1"):
    """A client that has the head of a transfer and reads no further; the server waits for it."""
    client = site.connect(receive_buffer=32 * KIB)
    client.request(f"/{name}", version=version)
    response = client.read_head()
    assert (response.status, response.length) == (200, len(CONTENT))
    return client, response


@pytest.mark.parametrize("left", [0, 2 * MIB, 16 * MIB], ids=["nothing", "2MiB", "16MiB"])
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_F15_truncated_while_it_is_sent_is_closed_short(site, left, version):
    path = site.put("truncated.bin", CONTENT)
    client, response = stalled_transfer(site, "truncated.bin", version)
    with client:
        os.truncate(path, left)
        client.read_rest(response)
        assert response.ending in BROKEN, response
        assert response.size < len(CONTENT)
        # Nothing is padded: each byte is one of the file. (Cut at 2 MiB borders: within a large page the
        # kernel itself zeroes bytes that are on their way.)
        assert response.body == CONTENT[:response.size]
        assert client.ended in ("fin", "reset")
    assert site.get("/truncated.bin").size == left
    os.unlink(path)


def test_F15_the_connection_is_never_reused(site):
    path = site.put("truncated.bin", CONTENT)
    site.put("next.txt", b"next")
    client, response = stalled_transfer(site, "truncated.bin")
    with client:
        client.request("/next.txt")  # pipelined behind the transfer that will break
        os.truncate(path, 16 * MIB)
        client.read_rest(response)
        assert response.ending in BROKEN
        assert response.body == CONTENT[:response.size], "an answer to the next request inside of this one"
    os.unlink(path)


def test_F15_others_go_on(site):
    path = site.put("truncated.bin", CONTENT)
    site.put("other.bin", CONTENT)
    client, response = stalled_transfer(site, "truncated.bin")
    other_client, other = stalled_transfer(site, "other.bin")
    with client, other_client:
        os.truncate(path, 0)
        client.read_rest(response)
        other_client.read_rest(other)
        assert response.ending in BROKEN
        assert (other.ending, other.sha256) == (COMPLETE, sha256(CONTENT))
    os.unlink(path)
    os.unlink(site.path("other.bin"))


def test_F15_a_file_that_grows_after_the_head_is_sent_as_promised(site):
    path = site.put("appended.bin", CONTENT)
    site.put("next.txt", b"next")
    client, response = stalled_transfer(site, "appended.bin")
    with client:
        with open(path, "ab") as file:
            file.write(b"more" * 1000)
        client.read_rest(response)
        assert (response.ending, response.sha256) == (COMPLETE, sha256(CONTENT))
        assert client.get("/next.txt").body == b"next"
    assert site.get("/appended.bin", keep_body=False).size == len(CONTENT) + 4000
    os.unlink(path)


def test_F15_an_unlinked_plain_file_is_sent_to_its_end(site):
    path = site.put("unlinked.bin", CONTENT)
    client, response = stalled_transfer(site, "unlinked.bin")
    with client:
        os.unlink(path)
        client.read_rest(response)
        assert (response.ending, response.sha256) == (COMPLETE, sha256(CONTENT))
        assert client.get("/unlinked.bin").status == 404
