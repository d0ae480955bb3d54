"""F10: compression on the fly: which coding, what the response says about it, and growing files."""

import email.utils
import threading

import pytest

from harness.coding import CODINGS, Decoder, decode, text
from harness.message import BROKEN, COMPLETE
from harness.payload import KIB, MIB, payload, sha256
from harness.routes import start_routes

MTIME = 1_500_000_000
TEXT = text(100 * KIB)
ROUTES = """
[[site.route]]
path = "/"
names = ["live-*"]
files = {root = ROOT, compress = {codings = ["zstd", "br", "gzip"], growing = true}}
[[site.route]]
path = "/"
files = {root = ROOT, compress = {codings = ["zstd", "br", "gzip"]}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = start_routes(tmp_path_factory.mktemp("place"), ROUTES)
    running.put("page.txt", TEXT, MTIME)
    running.warm_up()
    yield running
    assert running.alive and running.stop() == 0, running.stderr.all()
    assert not running.error_lines(), running.error_lines()


def accept(*lines):
    return [("Accept-Encoding", line) for line in lines]


def coding_of(response):
    """The Content-Encoding, which comes at most once and names one coding."""
    coding = response.field("content-encoding")
    assert coding is None or coding in CODINGS
    return coding


def plain_of(response):
    assert response.ending == COMPLETE
    return decode(coding_of(response), response.body)


# name: (lines of Accept-Encoding, the coding)
CHOICES = {
    "no-field": ([], None),
    "empty": ([""], None),
    "browser": (["gzip, deflate, br, zstd"], "zstd"),
    "older-browser": (["gzip, deflate, br"], "br"),
    "curl": (["deflate, gzip"], "gzip"),
    "unknown": (["deflate, compress"], None),
    "highest-weight": (["zstd;q=0.3, br;q=0.8, gzip;q=0.7"], "br"),
    "equal-weights": (["gzip;q=0.5,br;q=0.5,zstd;q=0.5"], "zstd"),
    "zero-excludes": (["zstd;q=0, br;q=0.000, gzip;q=0.001"], "gzip"),
    "all-excluded": (["zstd;q=0, br;q=0, gzip;q=0"], None),
    "asterisk": (["*"], "zstd"),
    "asterisk-but": (["*, zstd;q=0"], "br"),
    "asterisk-zero": (["*;q=0"], None),
    "identity-is-better": (["identity, gzip;q=0.5"], None),
    "identity-is-worse": (["identity;q=0.4, gzip;q=0.5"], "gzip"),
    "identity-excluded": (["identity;q=0, gzip"], "gzip"),
    "identity-excluded-and-nothing-else": (["identity;q=0"], None),  # RFC 9110 12.5.3: may be ignored
    "everything-excluded": (["identity;q=0, *;q=0"], None),
    "two-lines": (["gzip", "br;q=0.5"], "gzip"),
    "excluded-on-the-second-line": (["*", "zstd;q=0, br;q=0"], "gzip"),
    "any-case": (["GZIP"], "gzip"),
    "old-name": (["x-gzip"], "gzip"),
    "malformed-weight": (["zstd;q=much, gzip"], "gzip"),
}


@pytest.mark.parametrize("name", CHOICES)
def test_F10_the_coding_follows_the_weights(site, name):
    lines, coding = CHOICES[name]
    response = site.get("/page.txt", fields=accept(*lines))
    assert response.status == 200
    assert coding_of(response) == coding
    assert plain_of(response) == TEXT
    assert "accept-encoding" in response.tokens("vary")
    assert response.field("content-type") == "text/plain; charset=utf-8"
    assert response.field("last-modified") == email.utils.formatdate(MTIME, usegmt=True)
    if coding:
        assert response.framing == "chunked"
        assert response.size < len(TEXT) / 2
    else:
        assert response.length == len(TEXT)


def test_F10_every_variant_has_its_own_tag(site):
    tags = {coding: site.get("/page.txt", fields=accept(coding or "identity")).field("etag")
            for coding in (None, *CODINGS)}
    assert len({tag.removeprefix("W/") for tag in tags.values()}) == 4
    assert not tags[None].startswith("W/")
    assert all(tags[coding].startswith('W/"') for coding in CODINGS)
    again = {coding: site.get("/page.txt", fields=accept(coding or "identity")).field("etag") for coding in tags}
    assert again == tags


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_F10_a_variant_is_revalidated_by_its_own_tag(site, method):
    tags = {coding: site.get("/page.txt", fields=accept(coding or "identity")).field("etag")
            for coding in (None, *CODINGS)}
    for asked in tags:
        for held in tags:
            fields = [*accept(asked or "identity"), ("If-None-Match", tags[held])]
            response = site.get("/page.txt", method, fields)
            assert response.status == (304 if asked == held else 200), (asked, held)
            assert response.field("etag") == tags[asked]
            assert "accept-encoding" in response.tokens("vary")
            if asked == held:
                assert response.size == 0 and response.field("content-encoding") is None


def test_F10_the_date_revalidates_every_variant(site):
    for coding in (None, *CODINGS):
        fields = [*accept(coding or "identity"), ("If-Modified-Since", email.utils.formatdate(MTIME, usegmt=True))]
        response = site.get("/page.txt", fields=fields)
        assert response.status == 304
        assert "accept-encoding" in response.tokens("vary")


def test_F10_a_weak_tag_never_matches_if_match(site):
    for coding in CODINGS:
        tag = site.get("/page.txt", fields=accept(coding)).field("etag")
        assert site.get("/page.txt", fields=[*accept(coding), ("If-Match", tag)]).status == 412


@pytest.mark.parametrize("coding", CODINGS)
def test_H6_head_has_the_fields_of_get(site, coding):
    def shown(response):
        return [field for field in response.fields if field[0].lower() != "date"]

    get = site.get("/page.txt", fields=accept(coding))
    head = site.get("/page.txt", "HEAD", fields=accept(coding))
    assert (head.status, shown(head), head.size) == (200, shown(get), 0)


# name: (Range, status, what comes)
RANGES = {
    "one": ("bytes=10-19", 206, TEXT[10:20]),
    "suffix": ("bytes=-7", 206, TEXT[-7:]),
    "whole": ("bytes=0-", 206, TEXT),
    "malformed": ("bytes=x", 200, TEXT),
    "unknown-unit": ("lines=1-2", 200, TEXT),
}


@pytest.mark.parametrize("name", RANGES)
def test_F10_a_request_with_range_is_never_coded(site, name):
    wanted, status, content = RANGES[name]
    response = site.get("/page.txt", fields=[*accept("zstd, br, gzip"), ("Range", wanted)])
    assert (response.status, response.body) == (status, content)
    assert response.field("content-encoding") is None
    assert "accept-encoding" in response.tokens("vary")
    assert response.field("etag") == site.get("/page.txt").field("etag")


def test_F14_the_tag_of_a_coded_body_never_gets_a_part(site):
    tag = site.get("/page.txt", fields=accept("br")).field("etag")
    fields = [*accept("br"), ("Range", "bytes=10-19"), ("If-Range", tag)]
    response = site.get("/page.txt", fields=fields)
    assert response.status == 200
    assert plain_of(response) == TEXT


# name: whether it is coded
TYPES = {
    "page.html": True, "style.css": True, "data.csv": True, "data.json": True, "data.xml": True, "icon.svg": True,
    "code.js": True, "code.wasm": True, "app.webmanifest": True,
    "image.png": False, "image.jpg": False, "film.mp4": False, "font.woff2": False, "archive.zip": False,
    "archive.tar.gz": False, "page.txt.gz": False, "data.json.zst": False, "data.bin": False,
}


@pytest.mark.parametrize("name", TYPES)
def test_F10_only_listed_types_are_coded(site, name):
    content = text(20 * KIB, name)
    site.put(name, content)
    response = site.get("/" + name, fields=accept("zstd, br, gzip"))
    assert (coding_of(response) == "zstd") == TYPES[name], response.field("content-type")
    assert plain_of(response) == content


@pytest.mark.parametrize("size", [0, 1, 1023, 1024, 1025])
def test_F10_small_files_go_as_they_are(site, size):
    content = text(size)
    site.put("small.txt", content)
    response = site.get("/small.txt", fields=accept("gzip"))
    assert coding_of(response) == ("gzip" if size >= 1024 else None)
    assert plain_of(response) == content
    assert "accept-encoding" in response.tokens("vary")


@pytest.mark.parametrize("coding", CODINGS)
def test_F10_large_files_come_whole(site, coding):
    for content in (text(5 * MIB), payload(5 * MIB)):
        site.put("large.txt", content)
        with site.connect() as client:
            for _ in range(2):  # the connection goes on behind a coded body
                response = client.get("/large.txt", fields=accept(coding))
                assert coding_of(response) == coding
                assert sha256(plain_of(response)) == sha256(content)


def test_H1_pipelined_requests_get_each_its_coding(site):
    wanted = [None, "gzip", "br", "zstd", "br", None, "gzip"]
    with site.connect() as client:
        for coding in wanted:
            client.request("/page.txt", fields=accept(coding or "identity"))
        for coding in wanted:
            response = client.read_response()
            assert coding_of(response) == coding
            assert plain_of(response) == TEXT


@pytest.mark.parametrize("coding", CODINGS)
def test_F10_http_1_0_gets_it_as_it_is_with_its_length(site, coding):
    """Coded it would have no length, and only the close as its end."""
    response = site.get("/page.txt", fields=accept(coding), version="HTTP/1.0")
    assert (response.framing, coding_of(response)) == ("length", None)
    assert "accept-encoding" in response.tokens("vary")
    assert response.body == TEXT


def test_F10_a_replaced_file_is_new_at_once(site):
    for number in range(200):
        content = text(3000, number)
        site.put("changing.txt", content)
        assert plain_of(site.get("/changing.txt", fields=accept(CODINGS[number % 3]))) == content


def test_F6_error_pages_are_not_coded(site):
    response = site.get("/missing", fields=accept("gzip"))
    assert (response.status, response.field("content-encoding")) == (404, None)
    assert response.length == response.size


def test_S2_many_clients_of_one_file_at_once(site):
    content = text(2 * MIB)
    site.put("popular.txt", content)
    got = {}

    def fetch(number):
        response = site.get("/popular.txt", fields=accept(CODINGS[number % 3]))
        got[number] = sha256(plain_of(response))

    threads = [threading.Thread(target=fetch, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == {number: sha256(content) for number in range(24)}


@pytest.mark.parametrize("coding", CODINGS)
def test_H9_a_client_that_leaves_costs_nothing(site, coding):
    site.put("left.txt", payload(8 * MIB))
    for _ in range(5):
        with site.connect(receive_buffer=16 * KIB) as client:
            client.request("/left.txt", fields=accept(coding))
            client.read_size(client.read_head(), 100_000)
            client.reset()
    site.wait_for_base("after resets")


@pytest.mark.parametrize("coding", CODINGS)
def test_F15_a_truncated_file_ends_the_connection_and_not_the_stream(site, coding):
    content = payload(16 * MIB)
    path = site.put("cut.txt", content)
    with site.connect(receive_buffer=16 * KIB) as client:
        client.request("/cut.txt", fields=accept(coding))
        response = client.read_size(client.read_head(), 100_000)
        with open(path, "r+b") as file:
            file.truncate(KIB)
        client.read_rest(response)
    assert response.ending in BROKEN
    decoder = Decoder(coding)
    decoder.feed(response.body)
    assert not decoder.complete
    assert content.startswith(decoder.plain)


# -- growing files --------------------------------------------------------------------------------

APPENDS = [text(size, size) for size in (1, 20, 300, 5000, 70_000, 3, 400_000)] + [payload(100_000), b"\n"]


def test_L1_a_growing_file_is_not_coded_unless_asked_for(site):
    with site.grow("growing.txt") as growing, site.connect() as client:
        client.request("/growing.txt", fields=accept("zstd, br, gzip"))
        response = client.read_head()
        assert response.field("content-encoding") is None
        assert "accept-encoding" in response.tokens("vary")
        for more in APPENDS:
            growing.append(more)
            client.read_size(response, growing.size)
        growing.close()
        client.read_rest(response)
        assert (response.ending, response.sha256) == (COMPLETE, growing.sha256)


def read_plain(client, response, decoder, size, fed):
    """Reads until `size` bytes can be decoded; gives how many coded ones went into the decoder."""
    while len(decoder.plain) < size and response.ending is None:
        client.read_size(response, fed + 1)
        decoder.feed(response.body[fed:])
        fed = response.size
    return fed


@pytest.mark.parametrize("coding", CODINGS)
def test_L1_each_append_can_be_decoded_before_the_next_is_written(site, coding):
    name = f"live-{coding}.txt"
    with site.grow(name) as growing, site.connect() as client:
        client.request("/" + name, fields=accept(coding))
        response = client.read_head()
        assert coding_of(response) == coding
        assert "accept-encoding" in response.tokens("vary")
        decoder, fed = Decoder(coding), 0
        for more in APPENDS:
            growing.append(more)
            fed = read_plain(client, response, decoder, growing.size, fed)
            assert decoder.plain == growing.content
            assert response.ending is None and not decoder.complete
        growing.close()
        client.read_rest(response)
        decoder.feed(response.body[fed:])
        assert response.ending == COMPLETE and decoder.complete
        assert decoder.plain == growing.content


def test_L1_readers_that_come_later_get_it_all_whatever_their_coding(site):
    wanted = (None, *CODINGS)
    with site.grow("live-late.txt") as growing:
        clients = []
        for number, coding in enumerate(wanted * 2):
            growing.append(text(10_000, number))
            client = site.connect()
            client.request("/live-late.txt", fields=accept(coding or "identity"))
            clients.append((client, client.read_head(), coding))
        growing.close()
        for client, response, coding in clients:
            client.read_rest(response)
            assert coding_of(response) == coding
            assert plain_of(response) == growing.content
            client.close()


@pytest.mark.parametrize("coding", CODINGS)
def test_L4_a_writer_that_fails_leaves_no_end_in_the_stream(site, coding):
    """The file is truncated while it is written: what was there arrives, and then a visible failure."""
    name = f"live-cut-{coding}.txt"
    with site.grow(name) as growing, site.connect() as client:
        growing.append(text(50_000))
        client.request("/" + name, fields=accept(coding))
        response = client.read_head()
        decoder = Decoder(coding)
        fed = read_plain(client, response, decoder, growing.size, 0)
        growing.truncate(10)
        client.read_rest(response)
        assert response.ending in BROKEN
        decoder.feed(response.body[fed:])
        assert decoder.plain == growing.content
        assert not decoder.complete


def test_F10_a_growing_file_with_range_is_not_coded(site):
    with site.grow("live-range.txt") as growing, site.connect() as client:
        growing.append(TEXT)
        client.request("/live-range.txt", fields=[*accept("gzip"), ("Range", "bytes=0-9")])
        response = client.read_head()
        assert response.field("content-encoding") is None
        client.read_size(response, 10)
        assert response.body[:10] == TEXT[:10]


def test_L5_a_reader_that_leaves_while_it_waits_is_gone_at_once(site):
    with site.grow("live-left.txt") as growing:
        growing.append(TEXT)
        for coding in CODINGS:
            with site.connect() as client:
                client.request("/live-left.txt", fields=accept(coding))
                response = client.read_head()
                read_plain(client, response, Decoder(coding), growing.size, 0)
        site.wait_for_base("while the file still grows")
