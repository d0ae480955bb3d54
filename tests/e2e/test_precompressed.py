"""F10: precompressed siblings: which one is served, what the response says, and that it is never an old one."""

import email.utils
import os

import pytest

from harness.coding import CODINGS, decode, encode, text
from harness.message import COMPLETE
from harness.payload import KIB, MIB, sha256
from harness.routes import start_routes

MTIME = 1_500_000_000
TEXT = text(50 * KIB)
SUFFIXES = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
ROUTES = """
[[site.route]]
path = "/"
names = ["both*"]
files = {root = ROOT, precompressed = ["gzip"], compress = {codings = ["zstd", "br", "gzip"]}}
[[site.route]]
path = "/"
files = {root = ROOT, listing = true, precompressed = ["br", "zstd", "gzip"]}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = start_routes(tmp_path_factory.mktemp("place"), ROUTES)
    put_with_siblings(running, "page.txt", TEXT, CODINGS, MTIME)
    put_with_siblings(running, "zipped.txt", TEXT, ["gzip"], MTIME)
    running.put("plain.txt", TEXT, MTIME)
    running.warm_up()
    yield running
    assert running.alive and running.stop() == 0, running.stderr.all()
    assert not running.error_lines(), running.error_lines()


def put_with_siblings(site, name, content, codings, mtime=None):
    site.put(name, content, mtime)
    for coding in codings:
        site.put(name + SUFFIXES[coding], encode(coding, content), mtime)


def accept(*lines):
    return [("Accept-Encoding", line) for line in lines]


def coding_of(response):
    return response.field("content-encoding")


def content_of(site, name):
    with open(site.path(name), "rb") as file:
        return file.read()


# name: (file, lines of Accept-Encoding, the coding)
CHOICES = {
    "no-field": ("page.txt", [], None),
    "empty": ("page.txt", [""], None),
    "browser": ("page.txt", ["gzip, deflate, br, zstd"], "br"),
    "zstd": ("page.txt", ["zstd"], "zstd"),
    "gzip": ("page.txt", ["deflate, gzip"], "gzip"),
    "highest-weight": ("page.txt", ["br;q=0.3, zstd;q=0.8, gzip;q=0.9"], "gzip"),
    "zero-excludes": ("page.txt", ["br;q=0, zstd;q=0.001, gzip;q=0"], "zstd"),
    "all-excluded": ("page.txt", ["*;q=0"], None),
    "asterisk": ("page.txt", ["*"], "br"),
    "asterisk-but": ("page.txt", ["*, br;q=0"], "zstd"),
    "identity-is-better": ("page.txt", ["identity, br;q=0.9"], None),
    "identity-is-worse": ("page.txt", ["identity;q=0.5, br;q=0.9"], "br"),
    "identity-excluded": ("page.txt", ["identity;q=0, *"], "br"),
    "two-lines": ("page.txt", ["gzip;q=0.5", "zstd"], "zstd"),
    "only-one-there": ("zipped.txt", ["br, zstd, gzip;q=0.1"], "gzip"),
    "the-one-there-excluded": ("zipped.txt", ["br, zstd, gzip;q=0"], None),
    "the-one-there-not-wanted": ("zipped.txt", ["br, zstd"], None),
    "identity-is-better-than-what-is-there": ("zipped.txt", ["br, identity;q=0.8, gzip;q=0.5"], None),
    "none-there": ("plain.txt", ["br, zstd, gzip"], None),
    "none-there-and-identity-excluded": ("plain.txt", ["br, identity;q=0"], None),
}


@pytest.mark.parametrize("name", CHOICES)
def test_F10_the_sibling_follows_the_weights(site, name):
    file, lines, coding = CHOICES[name]
    response = site.get("/" + file, fields=accept(*lines))
    assert (response.status, response.ending) == (200, COMPLETE)
    assert coding_of(response) == coding
    assert response.body == content_of(site, file + SUFFIXES.get(coding, ""))
    assert decode(coding, response.body) == TEXT
    assert response.length == response.size
    assert "accept-encoding" in response.tokens("vary")
    assert response.field("content-type") == "text/plain; charset=utf-8"
    assert response.field("accept-ranges") == "bytes"


def test_F10_every_variant_has_its_own_strong_tag(site):
    tags = [site.get("/page.txt", fields=accept(coding)).field("etag") for coding in ("identity", *CODINGS)]
    assert len(set(tags)) == 4
    assert all(tag.startswith('"') for tag in tags)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_F10_a_variant_is_revalidated_by_its_own_tag(site, method):
    variants = ("identity", *CODINGS)
    tags = {coding: site.get("/page.txt", fields=accept(coding)).field("etag") for coding in variants}
    for asked in variants:
        for held in variants:
            response = site.get("/page.txt", method, [*accept(asked), ("If-None-Match", tags[held])])
            assert response.status == (304 if asked == held else 200), (asked, held)
            assert response.field("etag") == tags[asked]
            assert "accept-encoding" in response.tokens("vary")
        matched = site.get("/page.txt", method, [*accept(asked), ("If-Match", tags[asked])])
        assert matched.status == 200


@pytest.mark.parametrize("coding", CODINGS)
def test_H6_head_has_the_fields_of_get(site, coding):
    def shown(response):
        return [field for field in response.fields if field[0].lower() != "date"]

    get = site.get("/page.txt", fields=accept(coding))
    head = site.get("/page.txt", "HEAD", fields=accept(coding))
    assert (head.status, shown(head), head.size) == (200, shown(get), 0)


@pytest.mark.parametrize("coding", CODINGS)
def test_F12_a_range_is_one_of_the_siblings_bytes(site, coding):
    whole = content_of(site, "page.txt" + SUFFIXES[coding])
    for first, last in ((0, 0), (5, 104), (len(whole) - 1, len(whole) - 1)):
        response = site.get("/page.txt", fields=[*accept(coding), ("Range", f"bytes={first}-{last}")])
        assert (response.status, response.body) == (206, whole[first:last + 1])
        assert response.field("content-range") == f"bytes {first}-{last}/{len(whole)}"
        assert coding_of(response) == coding
        assert "accept-encoding" in response.tokens("vary")
    response = site.get("/page.txt", fields=[*accept(coding), ("Range", f"bytes={len(whole)}-")])
    assert (response.status, response.field("content-range")) == (416, f"bytes */{len(whole)}")
    assert coding_of(response) is None


@pytest.mark.parametrize("coding", CODINGS)
def test_F13_several_ranges_are_of_the_siblings_bytes(site, coding):
    whole = content_of(site, "page.txt" + SUFFIXES[coding])
    response = site.get("/page.txt", fields=[*accept(coding), ("Range", "bytes=1-10,100-149")])
    assert (response.status, coding_of(response)) == (206, coding)
    assert response.field("content-type").startswith("multipart/byteranges")
    assert whole[1:11] in response.body and whole[100:150] in response.body
    assert f"bytes 1-10/{len(whole)}".encode() in response.body


@pytest.mark.parametrize("coding", CODINGS)
def test_F14_if_range_knows_the_variants_apart(site, coding):
    whole = content_of(site, "page.txt" + SUFFIXES[coding])
    own = site.get("/page.txt", fields=accept(coding)).field("etag")
    other = site.get("/page.txt").field("etag")
    ranged = [*accept(coding), ("Range", "bytes=10-")]
    part = site.get("/page.txt", fields=[*ranged, ("If-Range", own)])
    assert (part.status, part.body) == (206, whole[10:])
    other = site.get("/page.txt", fields=[*ranged, ("If-Range", other)])
    assert (other.status, other.body) == (200, whole)


# -- which siblings serve -------------------------------------------------------------------------

# name: (how much newer the sibling is, in nanoseconds, whether it serves)
AGES = {
    "a-second-older": (-1_000_000_000, False),
    "a-nanosecond-older": (-1, False),
    "as-old": (0, True),
    "a-nanosecond-newer": (1, True),
    "years-newer": (10**17, True),
}


@pytest.mark.parametrize("name", AGES)
def test_F10_a_sibling_that_is_older_than_the_file_does_not_serve(site, name):
    newer, serves = AGES[name]
    put_with_siblings(site, "aged.txt", TEXT, ["gzip"])
    time = MTIME * 1_000_000_000 + 500_000_000
    os.utime(site.path("aged.txt"), ns=(time, time))
    os.utime(site.path("aged.txt.gz"), ns=(time + newer, time + newer))
    response = site.get("/aged.txt", fields=accept("gzip"))
    assert coding_of(response) == ("gzip" if serves else None)
    assert decode(coding_of(response), response.body) == TEXT


def test_F10_the_next_best_serves_where_the_best_is_too_old(site):
    put_with_siblings(site, "best.txt", TEXT, CODINGS, MTIME)
    for coding, next_coding in (("br", "zstd"), ("zstd", "gzip"), ("gzip", None)):
        os.utime(site.path("best.txt" + SUFFIXES[coding]), (MTIME - 1, MTIME - 1))
        response = site.get("/best.txt", fields=accept("gzip, br, zstd"))
        assert coding_of(response) == next_coding
        assert decode(next_coding, response.body) == TEXT


def test_F10_siblings_that_come_and_go_are_seen_at_once(site):
    site.put("coming.txt", TEXT, MTIME)
    coded = encode("gzip", TEXT)
    with site.connect() as one, site.connect() as other:
        for number in range(300):
            site.put("coming.txt.gz", coded)
            for client in (one, other):
                assert coding_of(client.get("/coming.txt", fields=accept("gzip"))) == "gzip", number
            os.unlink(site.path("coming.txt.gz"))
            for client in (one, other):
                response = client.get("/coming.txt", fields=accept("gzip"))
                assert (coding_of(response), response.size) == (None, len(TEXT)), number


def test_F10_a_replaced_sibling_is_seen_at_once(site):
    site.put("turning.txt", TEXT, MTIME)
    with site.connect() as client:
        for number in range(300):
            content = text(2000, number)
            site.put("turning.txt.gz", encode("gzip", content))
            response = client.get("/turning.txt", fields=accept("gzip"))
            assert decode("gzip", response.body) == content, number


def test_F10_a_newer_file_puts_its_old_sibling_aside_at_once(site):
    with site.connect() as client:
        for number in range(100):
            put_with_siblings(site, "renewed.txt", TEXT, ["gzip"], MTIME + number)
            assert coding_of(client.get("/renewed.txt", fields=accept("gzip"))) == "gzip", number
            content = text(3000, number)
            site.put("renewed.txt", content, MTIME + number + 1)
            response = client.get("/renewed.txt", fields=accept("gzip"))
            assert (coding_of(response), response.body) == (None, content), number


def test_F10_a_touched_file_puts_its_old_sibling_aside_at_once(site):
    put_with_siblings(site, "touched.txt", TEXT, ["gzip"], MTIME)
    with site.connect() as client:
        for number in range(100):
            os.utime(site.path("touched.txt"), (MTIME + 1, MTIME + 1))
            assert coding_of(client.get("/touched.txt", fields=accept("gzip"))) is None, number
            os.utime(site.path("touched.txt"), (MTIME, MTIME))
            assert coding_of(client.get("/touched.txt", fields=accept("gzip"))) == "gzip", number


def test_L4_a_sibling_that_is_still_being_written_does_not_serve(site):
    site.put("building.txt", TEXT, MTIME)
    coded = encode("gzip", TEXT)
    with site.grow("building.txt.gz") as growing, site.connect() as client:
        growing.append(coded[:100])
        response = client.get("/building.txt", fields=accept("gzip"))
        assert (coding_of(response), response.body) == (None, TEXT)
        growing.append(coded[100:])
        growing.close()
        response = client.get("/building.txt", fields=accept("gzip"))
        assert (coding_of(response), response.body) == ("gzip", coded)


def test_L11_a_growing_file_has_no_siblings(site):
    put_with_siblings(site, "reopened.txt", TEXT, ["gzip"], MTIME)
    os.utime(site.path("reopened.txt.gz"), (MTIME + 10**9, MTIME + 10**9))
    with open(site.path("reopened.txt"), "ab", buffering=0) as file, site.connect() as client:
        file.write(b"more")
        client.request("/reopened.txt", fields=accept("gzip"))
        response = client.read_size(client.read_head(), len(TEXT) + 4)
        assert (coding_of(response), response.body) == (None, TEXT + b"more")
        file.close()
        client.read_rest(response)
        assert response.ending == COMPLETE


@pytest.mark.parametrize("kind", ["directory", "fifo", "link-outside", "dangling-link"])
def test_F5_what_is_no_file_does_not_serve_as_a_sibling(site, kind, tmp_path):
    name = f"odd-{kind}.txt"
    site.put(name, TEXT, MTIME)
    sibling = site.path(name + ".gz")
    if kind == "directory":
        os.mkdir(sibling)
    elif kind == "fifo":
        os.mkfifo(sibling)
    else:
        target = tmp_path / "outside.gz"
        if kind == "link-outside":
            target.write_bytes(encode("gzip", b"not for you"))
        os.symlink(target, sibling)
    response = site.get("/" + name, fields=accept("gzip"))
    assert (response.status, coding_of(response), response.body) == (200, None, TEXT)


def test_F10_a_sibling_alone_is_no_file(site):
    site.put("alone.txt.gz", encode("gzip", TEXT))
    assert site.get("/alone.txt", fields=accept("gzip")).status == 404


@pytest.mark.parametrize("coding", CODINGS)
def test_F10_a_sibling_asked_for_by_its_name_is_a_plain_file(site, coding):
    name = "page.txt" + SUFFIXES[coding]
    response = site.get("/" + name, fields=accept("br, zstd, gzip"))
    assert (response.status, coding_of(response)) == (200, None)
    assert response.body == content_of(site, name)
    assert not response.field("content-type").startswith("text/")


def test_F3_an_index_has_siblings_too(site):
    put_with_siblings(site, "dir/index.html", TEXT, ["br"])
    response = site.get("/dir/", fields=accept("br"))
    assert (response.status, coding_of(response)) == (200, "br")
    assert decode("br", response.body) == TEXT
    assert response.field("content-type").startswith("text/html")


def test_F10_large_siblings_and_small_ones(site):
    for size in (0, 1, 8 * KIB, 200 * KIB, 3 * MIB):
        content = text(size, "sizes")
        put_with_siblings(site, "sized.txt", content, CODINGS)
        for coding in CODINGS:
            response = site.get("/sized.txt", fields=accept(coding))
            assert coding_of(response) == coding
            assert sha256(decode(coding, response.body)) == sha256(content)


# -- siblings and compression on the fly in one route ---------------------------------------------

def test_F10_a_sibling_goes_before_work_of_our_own(site):
    put_with_siblings(site, "both.txt", TEXT, ["gzip"], MTIME)
    response = site.get("/both.txt", fields=accept("gzip, br, zstd"))
    assert coding_of(response) == "gzip"
    assert response.length == os.path.getsize(site.path("both.txt.gz"))
    os.unlink(site.path("both.txt.gz"))
    response = site.get("/both.txt", fields=accept("gzip, br, zstd"))
    assert (coding_of(response), response.framing) == ("zstd", "chunked")
    assert decode("zstd", response.body) == TEXT


def test_F10_what_a_sibling_says_is_not_coded_again(site):
    put_with_siblings(site, "both.json", TEXT, ["gzip"])
    response = site.get("/both.json", fields=accept("gzip"))
    assert response.all("content-encoding") == ["gzip"]
    assert decode("gzip", response.body) == TEXT
    response = site.get("/both.json", fields=[*accept("gzip"), ("Range", "bytes=0-9")])
    assert response.all("content-encoding") == ["gzip"]
    assert response.body == content_of(site, "both.json.gz")[:10]


def test_F11_the_date_of_a_sibling_is_its_own(site):
    put_with_siblings(site, "dated.txt", TEXT, ["gzip"], MTIME)
    os.utime(site.path("dated.txt.gz"), (MTIME + 100, MTIME + 100))
    response = site.get("/dated.txt", fields=accept("gzip"))
    assert response.field("last-modified") == email.utils.formatdate(MTIME + 100, usegmt=True)
