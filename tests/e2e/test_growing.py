"""L1, L3-L5: a file that this test keeps open for writing, and its readers."""
# ctest: label=shared

import os

import pytest

from harness.client import request_bytes
from harness.limits import observe, wait_until
from harness.message import BROKEN, COMPLETE, RESET, TRUNCATED
from harness.payload import KIB, MIB, payload
from harness.writers import GrowingFile

VERSIONS = [("HTTP/1.1", "chunked"), ("HTTP/1.0", "close")]
by_version = pytest.mark.parametrize("version, framing", VERSIONS, ids=["chunked", "close-delimited"])


def begin(client, target, version="HTTP/1.1", **options):
    """Asks and reads the head of an answer that is still going on."""
    client.request(target, version=version)
    response = client.read_head(**options)
    assert response.status == 200 and response.ending is None, response
    assert response.length is None, "a length that nobody can know"
    return response


def finish(client, response, growing):
    client.read_rest(response)
    assert (response.ending, response.size, response.sha256) == (COMPLETE, growing.size, growing.sha256)


# -- L1 -------------------------------------------------------------------------------------------

@by_version
def test_L1_the_head_comes_before_the_first_byte_is_written(site, version, framing):
    with site.grow("empty-yet.log") as growing, site.connect() as client:
        response = begin(client, "/empty-yet.log", version)
        assert (response.framing, response.size) == (framing, 0)
        assert response.field("content-type") and response.field("date")
        growing.append(b"x")
        client.read_size(response, 1)
        growing.close()
        finish(client, response, growing)


@by_version
def test_L1_readers_before_during_and_after_get_identical_bytes(site, version, framing):
    target = f"/three-{framing}.bin"
    with site.grow(target[1:]) as growing, site.connect() as before, site.connect() as during:
        first = begin(before, target, version)
        growing.append(payload(100 * KIB, seed="a"))
        before.read_size(first, growing.size)
        growing.append(payload(MIB, seed="b"))
        second = begin(during, target, version)
        during.read_size(second, growing.size)
        growing.append(payload(333_333, seed="c"))
        growing.close()
        finish(before, first, growing)
        finish(during, second, growing)
        after = site.get(target, version=version)
        assert (after.framing, after.length, after.sha256) == ("length", growing.size, growing.sha256)


@by_version
def test_L1_each_single_byte_arrives_before_the_next_is_written(site, version, framing):
    with site.grow("bytes.log") as growing, site.connect() as client:
        response = begin(client, "/bytes.log", version)
        for number in range(100):
            growing.append(bytes([number]))
            client.read_size(response, number + 1, seconds=5)
            assert response.size == number + 1
        growing.close()
        finish(client, response, growing)
        assert response.body == bytes(range(100))


def test_L1_pieces_of_every_size(site):
    sizes = [1, 2, 4095, 4096, 4097, 65_535, 65_536, 65_537, 3, MIB - 1, MIB, MIB + 1, 8191, 8192, 8193, 0, 1]
    with site.grow("sizes.bin") as growing, site.connect() as client:
        response = begin(client, "/sizes.bin")
        for number, size in enumerate(sizes):
            growing.append(payload(size, seed=number))
            client.read_size(response, growing.size)
        growing.close()
        finish(client, response, growing)


def test_L1_many_appends_without_waiting_for_the_reader(site):
    with site.grow("burst.bin") as growing, site.connect() as client:
        response = begin(client, "/burst.bin", keep_body=False)
        for number in range(3000):
            growing.append(payload(1 + number % 700, seed=number % 50))
        growing.close()
        finish(client, response, growing)


def test_L1_what_is_there_comes_at_once_to_a_late_reader(site):
    with site.grow("late.bin") as growing, site.connect() as client:
        growing.append(payload(5 * MIB))
        response = begin(client, "/late.bin", keep_body=False)
        client.read_size(response, growing.size)
        growing.append(b"end")
        growing.close()
        finish(client, response, growing)


def test_L1_a_file_opened_but_never_written_ends_empty(site):
    with site.grow("never.log") as growing, site.connect() as client:
        response = begin(client, "/never.log")
        growing.close()
        finish(client, response, growing)
        assert client.get("/never.log").length == 0


def test_L1_closing_right_behind_the_last_write_loses_nothing(site):
    """The race of the last bytes and the end, many times."""
    with site.connect() as client:
        for number in range(150):
            name = f"race-{number % 5}.bin"
            with site.grow(name) as growing:
                response = begin(client, f"/{name}")
                growing.append(payload(1 + number * 37, seed=number))
            client.read_rest(response)
            assert (response.ending, response.sha256) == (COMPLETE, growing.sha256)


def test_L1_asking_while_the_writer_closes_is_one_or_the_other(site):
    """Whether the answer is chunked or has a length, the bytes are the same."""
    with site.connect() as client:
        for number in range(150):
            with site.grow("closing.bin") as growing:
                growing.append(payload(10_000 + number, seed=number))
                client.request("/closing.bin")
            response = client.read_response()
            assert (response.status, response.ending, response.sha256) == (200, COMPLETE, growing.sha256)


# -- L3 -------------------------------------------------------------------------------------------

def test_L3_unknown_length_is_chunked(site):
    with site.grow("chunked.bin") as growing, site.connect() as client:
        response = begin(client, "/chunked.bin")
        assert response.field("transfer-encoding").lower() == "chunked"
        growing.append(payload(300 * KIB))
        growing.close()
        finish(client, response, growing)
        # The connection goes on.
        assert client.get("/chunked.bin").sha256 == growing.sha256


def test_L3_unknown_length_is_close_delimited_for_http10(site):
    with site.grow("close.bin") as growing, site.connect() as client:
        response = begin(client, "/close.bin", "HTTP/1.0")
        assert response.field("transfer-encoding") is None
        growing.append(payload(300 * KIB))
        growing.close()
        finish(client, response, growing)
        assert client.read_end() == (b"", "fin")


def test_L3_http10_keep_alive_is_not_promised_for_an_unknown_length(site):
    with site.grow("close.bin") as growing, site.connect() as client:
        client.request("/close.bin", version="HTTP/1.0", fields=[("Connection", "keep-alive")])
        response = client.read_head()
        assert "keep-alive" not in response.tokens("connection")
        growing.append(b"x")
        growing.close()
        finish(client, response, growing)


def test_L3_head_of_a_growing_file(site):
    with site.grow("head.bin") as growing, site.connect() as client:
        growing.append(b"x" * 1000)
        response = client.get("/head.bin", method="HEAD")
        assert (response.status, response.length, response.size) == (200, None, 0)
        assert client.get("/head.bin", method="HEAD").status == 200
        growing.close()
        assert client.get("/head.bin", method="HEAD").length == 1000


def test_L3_requests_behind_a_growing_one_wait_their_turn(site):
    site.put("next.txt", b"next")
    with site.grow("pipelined.bin") as growing, site.connect() as client:
        client.send(request_bytes("/pipelined.bin") + request_bytes("/next.txt") * 3)
        response = client.read_head()
        growing.append(b"first")
        client.read_size(response, 5)
        growing.close()
        finish(client, response, growing)
        for _ in range(3):
            assert client.read_response().body == b"next"


@pytest.mark.parametrize("fields", [
    [("Range", "bytes=2-4")], [("Range", "bytes=99-")], [("Range", "bytes=-1")],
    [("If-None-Match", "*")], [("If-Match", '"other"')], [("If-Modified-Since", "Fri, 14 Jul 2096 02:40:00 GMT")],
], ids=["range", "range-beyond", "suffix", "none-match", "match", "modified-since"])
def test_L3_what_still_grows_has_no_validators_and_no_ranges_yet(site, fields):
    with site.grow("plain.log") as growing, site.connect() as client:
        growing.append(b"0123456789")
        client.request("/plain.log", fields=fields)
        response = client.read_head()
        assert (response.status, response.framing) == (200, "chunked")
        for absent in ("etag", "last-modified", "content-range", "accept-ranges"):
            assert response.field(absent) is None, response
        client.read_size(response, growing.size)
        growing.append(b"end")
        growing.close()
        finish(client, response, growing)


def test_L3_a_request_body_that_comes_behind_the_whole_answer(site):
    """The memory of a request is given back while its answer waits for growth; its body is still to be skipped."""
    site.put("next.txt", b"next")
    with site.grow("body.log") as growing, site.connect() as client:
        client.request("/body.log", fields=[("Content-Length", 5)])
        response = client.read_head()
        growing.append(b"first")
        client.read_size(response, 5)
        growing.close()
        finish(client, response, growing)
        client.send(b"hello" + request_bytes("/next.txt"))
        assert client.read_response().body == b"next"


def test_L3_connection_close_with_a_growing_file(site):
    with site.grow("closing.log") as growing, site.connect() as client:
        client.request("/closing.log", fields=[("Connection", "close")])
        response = client.read_head()
        assert response.framing == "chunked" and "close" in response.tokens("connection")
        growing.append(b"x")
        growing.close()
        finish(client, response, growing)
        assert client.read_end() == (b"", "fin")


# -- L4 -------------------------------------------------------------------------------------------

VISIBLE = {"chunked": BROKEN, "close": (RESET,)}


@by_version
@pytest.mark.parametrize("left", [0, 1000], ids=["to-nothing", "to-a-part"])
def test_L4_truncation_is_a_visible_failure(site, version, framing, left):
    written = payload(50_000, seed="truncated")
    with site.grow("truncated.log") as growing, site.connect() as client:
        growing.append(written)
        response = begin(client, "/truncated.log", version)
        client.read_size(response, len(written))
        growing.truncate(left)
        client.read_rest(response, seconds=10)
        assert response.ending in VISIBLE[framing], response
        assert response.body == written


@by_version
def test_L4_an_unlinked_file_fails_after_all_that_was_written(site, version, framing):
    with site.grow("unlinked.log") as growing, site.connect() as client:
        response = begin(client, "/unlinked.log", version)
        growing.append(payload(MIB, seed="unlinked"))
        os.unlink(growing.path)
        client.read_rest(response, seconds=10)
        assert response.ending in VISIBLE[framing], response
        assert response.sha256 == growing.sha256


@by_version
def test_L4_a_replaced_file_fails_after_all_that_was_written(site, version, framing):
    with site.grow("replaced.log") as growing, site.connect() as client:
        response = begin(client, "/replaced.log", version)
        growing.append(payload(MIB, seed="replaced"))
        site.put("replaced.log", b"another file")
        client.read_rest(response, seconds=10)
        assert response.ending in VISIBLE[framing], response
        assert response.sha256 == growing.sha256
        assert site.get("/replaced.log").body == b"another file"


@by_version
def test_L4_the_failure_comes_behind_bytes_that_a_slow_reader_still_has_to_take(site, version, framing):
    """A reset must not throw away what is still in the socket buffers."""
    with site.grow("slow.log") as growing, site.connect(receive_buffer=16 * KIB) as client:
        response = begin(client, "/slow.log", version, keep_body=False)
        growing.append(payload(2 * MIB, seed="slow"))
        client.read_size(response, 100_000)
        os.unlink(growing.path)
        observe(0.3)  # the server knows; the client still does not read
        client.read_rest(response, seconds=20)
        assert response.ending in VISIBLE[framing], response
        assert (response.size, response.sha256) == (growing.size, growing.sha256)


def test_L4_a_request_behind_it_does_not_eat_the_bytes_before_a_failure(site):
    """Closing over bytes that nobody has read resets the connection: what was on its way would be lost."""
    with site.grow("eaten.log") as growing, site.connect(receive_buffer=16 * KIB) as client:
        response = begin(client, "/eaten.log", keep_body=False)
        growing.append(payload(2 * MIB, seed="eaten"))
        client.read_size(response, 100_000)
        client.send(request_bytes("/eaten.log") * 20)
        os.unlink(growing.path)
        client.read_rest(response, seconds=20)
        assert (response.ending, response.size, response.sha256) == (TRUNCATED, growing.size, growing.sha256)


def test_L4_all_readers_see_the_failure(site):
    with site.grow("many.log") as growing:
        growing.append(b"written so far")
        clients = [site.connect() for _ in range(30)]
        responses = [begin(client, "/many.log") for client in clients]
        for client, response in zip(clients, responses):
            client.read_size(response, growing.size)
        growing.truncate(0)
        for client, response in zip(clients, responses):
            client.read_rest(response, seconds=10)
            assert response.ending in BROKEN
            assert response.body == b"written so far"
            client.close()


def test_L4_nothing_behind_a_failure_is_answered(site):
    site.put("next.txt", b"next")
    with site.grow("broken.log") as growing, site.connect() as client:
        growing.append(b"x")
        client.send(request_bytes("/broken.log") + request_bytes("/next.txt"))
        response = client.read_head()
        client.read_size(response, 1)
        os.unlink(growing.path)
        client.read_rest(response, seconds=10)
        assert (response.ending in (TRUNCATED, RESET), response.body) == (True, b"x")


def test_L4_after_a_failure_the_next_reader_gets_what_is_there_now(site):
    with site.grow("again.log") as growing:
        growing.append(b"first version")
        with site.connect() as client:
            response = begin(client, "/again.log")
            client.read_size(response, 13)
            growing.truncate(0)
            client.read_rest(response, seconds=10)
            assert response.ending in BROKEN
        os.unlink(growing.path)
        assert site.get("/again.log").status == 404
    with site.grow("again.log") as growing, site.connect() as client:
        response = begin(client, "/again.log")
        growing.append(b"second version")
        growing.close()
        finish(client, response, growing)


# -- L5 -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("leave", ["fin", "rst"])
def test_L5_a_waiting_reader_that_leaves_frees_its_descriptor_at_once(site, leave):
    with site.grow("left.log") as growing, site.connect() as staying:
        growing.append(b"x")
        stays = begin(staying, "/left.log")
        staying.read_size(stays, 1)
        sockets = site.fd_kinds()["socket"]
        clients = [site.connect() for _ in range(40)]
        for client in clients:
            client.read_size(begin(client, "/left.log"), 1)
        assert site.fd_kinds()["socket"] >= sockets + 40
        for client in clients:
            client.reset() if leave == "rst" else client.close()
        # The file still grows, nothing is written, and yet they are gone.
        wait_until(lambda: site.fd_kinds()["socket"] == sockets, "those who left still have descriptors", 5)
        growing.append(b"y")
        growing.close()
        finish(staying, stays, growing)


def test_L5_leaving_before_the_first_byte_is_noticed(site):
    with site.grow("nothing-yet.log"):
        for _ in range(20):
            with site.connect() as client:
                begin(client, "/nothing-yet.log")
        site.wait_for_base("while the file still grows", 5)
        wait_until(lambda: site.descriptors_of("nothing-yet.log") == 0, "the file is still open", 5)


def test_L5_the_last_reader_leaving_lets_go_of_the_file(site):
    with site.grow("let-go.log") as growing:
        growing.append(b"x")
        with site.connect() as client:
            client.read_size(begin(client, "/let-go.log"), 1)
        site.wait_for_base("when nobody reads any more", 5)
        wait_until(lambda: site.descriptors_of("let-go.log") == 0, "the file is still open", 5)
        with site.connect() as client:
            response = begin(client, "/let-go.log")
            client.read_size(response, 1)
            growing.append(b"y")
            client.read_size(response, 2)
            growing.close()
            finish(client, response, growing)


@pytest.mark.parametrize("size", [3, 100 * KIB])
def test_L1_a_writer_that_opens_a_finished_file_again_makes_it_grow_again(site, size):
    """Also before it has written anything, and though every worker knows the finished file."""
    old = payload(size, seed="reopened")
    site.put("reopened.log", old)
    for _ in range(20):
        assert site.get("/reopened.log").length == size
    with GrowingFile(site.path("reopened.log"), existing=True) as growing:
        readers = []
        for _ in range(10):
            client = site.connect()
            readers.append((client, begin(client, "/reopened.log")))
        growing.append(b" and new")
        growing.close()
        for client, response in readers:
            finish(client, response, growing)
            client.close()
    assert site.get("/reopened.log").sha256 == growing.sha256


def test_L1_readers_of_a_finished_file_do_not_make_it_grow(site):
    site.put("read.log", b"finished")
    for _ in range(20):
        with open(site.path("read.log"), "rb"):
            assert site.get("/read.log").length == 8
