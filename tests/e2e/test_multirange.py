"""F13: several ranges in one answer, with F14 (If-Range), F15 (truncated) and F16 (huge) in combination."""

import email.utils
import os
import re

import pytest

from harness.client import request_bytes
from harness.message import BROKEN, COMPLETE
from harness.payload import KIB, MIB, payload, sha256
from harness.strace import Strace

MTIME = 1_500_000_000
TEN = b"0123456789"
LARGE = payload(3 * MIB + 5, seed="multirange")
BREAKING = payload(24 * MIB, seed="multirange breaks")
TEXT = "text/plain; charset=utf-8"
BINARY = "application/octet-stream"


@pytest.fixture(scope="module", autouse=True)
def files(server):
    server.put("ten.txt", TEN, MTIME)
    server.put("empty.txt", b"")
    server.put("large.bin", LARGE)


def header(ranges):
    """The Range of half-open pieces."""
    return "bytes=" + ", ".join(f"{first}-{end - 1}" for first, end in ranges)


def boundary_of(response):
    match = re.fullmatch(r"multipart/byteranges; boundary=([0-9a-f]{32})", response.field("content-type"))
    assert match, response
    return match[1].encode()


def multipart(boundary, media_type, ranges, size, content):
    """RFC 9110 14.6 to the byte. `content(first, end)` gives the bytes of a piece."""
    parts = []
    for first, end in ranges:
        parts.append(b"--%s\r\nContent-Type: %s\r\nContent-Range: bytes %d-%d/%d\r\n\r\n%s\r\n"
                     % (boundary, media_type.encode(), first, end - 1, size, content(first, end)))
    return b"".join(parts) + b"--%s--\r\n" % boundary


def check(response, content, ranges, media_type=BINARY):
    assert (response.status, response.ending, response.framing) == (206, COMPLETE, "length"), response
    assert response.field("content-range") is None, "only the parts have one"
    assert response.field("etag") and response.field("last-modified")
    assert response.field("accept-ranges") == "bytes"
    expected = multipart(boundary_of(response), media_type, ranges, len(content), lambda a, b: content[a:b])
    assert (response.length, response.sha256) == (len(expected), sha256(expected))


# Range: the half-open pieces of a multipart answer; one pair: a plain 206; None: 200 with everything; 416.
RANGES = {
    "bytes=0-0,9-9": [(0, 1), (9, 10)],
    "bytes=0-1,3-4": [(0, 2), (3, 5)],
    "bytes=7-9,0-1": [(7, 10), (0, 2)],  # in the order asked
    "bytes=0-1,-1": [(0, 2), (9, 10)],
    "bytes=-2,-1": [(8, 10), (9, 10)],
    "bytes=8-,0-1": [(8, 10), (0, 2)],
    "bytes=8-99,0-1": [(8, 10), (0, 2)],
    "bytes=0-3,2-5": [(0, 4), (2, 6)],  # overlapping
    "bytes=0-1,0-1,0-1": [(0, 2), (0, 2), (0, 2)],  # the same
    "bytes=0-4,5-9": [(0, 5), (5, 10)],  # adjacent, and all of it
    "bytes=0-0,2-2,4-4,6-6,8-8": [(0, 1), (2, 3), (4, 5), (6, 7), (8, 9)],
    "bytes= 0-1 ,\t, 3-4 ,": [(0, 2), (3, 5)],
    "BYTES=0-1,3-4": [(0, 2), (3, 5)],
    "bytes=0-0,99-,2-2": [(0, 1), (2, 3)],  # what cannot be satisfied drops out
    "bytes=0-0,-0,2-2": [(0, 1), (2, 3)],
    # One is left.
    "bytes=2-4,99-": (2, 5), "bytes=99-,-3": (7, 10), "bytes=-0,10-,9-": (9, 10),
    # More than the file.
    "bytes=0-9,0-0": None, "bytes=0-,-1": None, "bytes=0-5,4-9": None, "bytes=-10,-1": None,
    "bytes=0-99,5-": None,
    # Malformed anywhere.
    "bytes=0-1,x": None, "bytes=0-1,3": None, "bytes=0-1;3-4": None, "bytes=0-1,4-3": None,
    "items=0-1,3-4": None, "bytes=0-1,-": None,
    # None can be satisfied.
    "bytes=10-,99-": 416, "bytes=-0,10-": 416,
}


@pytest.mark.parametrize("value", RANGES)
def test_F13_several_ranges(site, value):
    expected = RANGES[value]
    with site.connect() as client:
        response = client.get("/ten.txt", fields=[("Range", value)])
        if isinstance(expected, list):
            check(response, TEN, expected, TEXT)
        elif isinstance(expected, tuple):
            first, end = expected
            assert (response.status, response.body) == (206, TEN[first:end])
            assert response.field("content-range") == f"bytes {first}-{end - 1}/10"
            assert response.field("content-type") == TEXT
        elif expected == 416:
            assert (response.status, response.field("content-range")) == (416, "bytes */10")
        else:
            assert (response.status, response.body, response.field("content-type")) == (200, TEN, TEXT)
            assert response.field("content-range") is None
        assert client.get("/ten.txt").body == TEN, "the connection goes on behind it"


def test_F13_sixteen_ranges_are_answered_and_seventeen_are_not(site):
    sixteen = [(number * 10_000, number * 10_000 + 100 + number) for number in range(16)]
    check(site.get("/large.bin", fields=[("Range", header(sixteen))]), LARGE, sixteen)
    response = site.get("/large.bin", fields=[("Range", header(sixteen + [(5, 6)]))])
    assert (response.status, response.sha256) == (200, sha256(LARGE))
    many = site.get("/large.bin", fields=[("Range", "bytes=" + ",".join(["0-0"] * 3000))])
    assert (many.status, many.sha256) == (200, sha256(LARGE))


@pytest.mark.parametrize("ranges", [
    [(0, MIB), (2 * MIB, 3 * MIB)],
    [(2 * MIB + 7, 3 * MIB + 5), (11, MIB + 1)],
    [(4095, 4097), (8191, 8193), (3 * MIB + 4, 3 * MIB + 5)],
    [(0, 1), (0, 3 * MIB)],
], ids=["forwards", "backwards", "small", "one-and-all"])
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_F13_of_a_larger_file(site, ranges, version):
    response = site.get("/large.bin", fields=[("Range", header(ranges))], version=version)
    check(response, LARGE, ranges)


def test_F13_a_slow_reader_gets_every_byte(site):
    ranges = [(0, MIB), (MIB - 5, 2 * MIB), (7, 500_000)]
    with site.connect(receive_buffer=16 * KIB) as client:
        client.request("/large.bin", fields=[("Range", header(ranges))])
        response = client.read_head()
        for _ in range(30):
            client.read_size(response, response.size + 3000, most=3000)
        client.read_rest(response)
        check(response, LARGE, ranges)


def test_F13_the_boundary_is_a_new_one_each_time(site):
    with site.connect() as client:
        seen = {boundary_of(client.get("/ten.txt", fields=[("Range", "bytes=0-0,2-2")])) for _ in range(50)}
    assert len(seen) == 50


def test_F13_a_head_request_ignores_ranges(site):
    with site.connect() as client:
        response = client.get("/ten.txt", "HEAD", [("Range", "bytes=0-0,2-2")])
        assert (response.status, response.length, response.field("content-type")) == (200, 10, TEXT)
        assert client.get("/ten.txt").body == TEN


@pytest.mark.parametrize("value", ["bytes=0-0,1-1", "bytes=-1,-2"])
def test_F13_an_empty_file_is_200(site, value):
    response = site.get("/empty.txt", fields=[("Range", value)])
    assert (response.status, response.length) == (200, 0)


def test_F13_pipelined(site):
    asked = [[(number, number + 50 + number), (100_000 + number, 100_500), (number * 7, number * 7 + 30_000)]
             for number in range(40)]
    with site.connect(receive_buffer=32 * KIB) as client:
        client.send(b"".join(request_bytes("/large.bin", fields=[("Range", header(ranges))]) for ranges in asked))
        for ranges in asked:
            check(client.read_response(), LARGE, ranges)
        assert client.get("/ten.txt").body == TEN


def test_F13_of_one_file_many_clients_at_once(site):
    clients = [site.connect(receive_buffer=32 * KIB) for _ in range(30)]
    asked = [[(number * 1000, number * 1000 + 300_000), (number, number + 200_000)] for number in range(30)]
    for client, ranges in zip(clients, asked):
        client.request("/large.bin", fields=[("Range", header(ranges))])
    for client, ranges in reversed(list(zip(clients, asked))):
        check(client.read_response(), LARGE, ranges)
        client.close()


def test_F13_the_parts_go_by_sendfile(site, tmp_path):
    ranges = [(0, 600_000), (MIB, MIB + 700_000)]
    site.get("/large.bin")
    with Strace(site.pid, ["sendfile"], tmp_path) as trace:
        check(site.get("/large.bin", fields=[("Range", header(ranges))]), LARGE, ranges)
    calls = [call for call in trace.named("sendfile") if call.result > 0]
    for call in calls:
        assert re.match(r"\d+, \d+, \[\d+\]", call.arguments), f"no explicit offset: {call}"
    assert sum(call.result for call in calls) >= 0.9 * 1_300_000, trace.calls


# -- in combination -------------------------------------------------------------------------------

def imf(seconds):
    return email.utils.formatdate(seconds, usegmt=True)


# name: (whether the ranges are honoured, If-Range). {tag} is the current one.
IF_RANGE = {
    "same-tag": (True, "{tag}"),
    "same-second": (True, imf(MTIME)),
    "weak-tag": (False, "W/{tag}"),
    "other-tag": (False, '"other"'),
    "older": (False, imf(MTIME - 1)),
    "newer": (False, imf(MTIME + 1)),
    "malformed": (False, "yesterday"),
}


@pytest.mark.parametrize("name", IF_RANGE)
def test_F14_if_range(site, name):
    honoured, value = IF_RANGE[name]
    tag = site.get("/ten.txt").field("etag")
    response = site.get("/ten.txt", fields=[("Range", "bytes=0-1,5-6"), ("If-Range", value.replace("{tag}", tag))])
    if honoured:
        check(response, TEN, [(0, 2), (5, 7)], TEXT)
    else:
        assert (response.status, response.body) == (200, TEN)


def test_F11_preconditions_come_first(site):
    tag = site.get("/ten.txt").field("etag")
    ranges = ("Range", "bytes=0-1,5-6")
    assert site.get("/ten.txt", fields=[ranges, ("If-None-Match", tag)]).status == 304
    assert site.get("/ten.txt", fields=[ranges, ("If-Match", '"other"')]).status == 412
    check(site.get("/ten.txt", fields=[ranges, ("If-Match", tag)]), TEN, [(0, 2), (5, 7)], TEXT)


@pytest.mark.parametrize("left", [0, 4 * MIB, 12 * MIB, 22 * MIB], ids=["nothing", "4MiB", "12MiB", "22MiB"])
def test_F15_truncated_while_it_is_sent_is_closed_short(site, left):
    """In the first part, between the two, or in the second."""
    path = site.put("breaks.bin", BREAKING)
    ranges = [(0, 8 * MIB), (14 * MIB, 24 * MIB)]
    with site.connect(receive_buffer=32 * KIB) as client:
        client.request("/breaks.bin", fields=[("Range", header(ranges))])
        response = client.read_head()
        assert response.status == 206
        whole = multipart(boundary_of(response), BINARY, ranges, len(BREAKING), lambda a, b: BREAKING[a:b])
        assert response.length == len(whole)
        client.request("/ten.txt")  # pipelined behind what will break
        os.truncate(path, left)
        client.read_rest(response)
        assert response.ending in BROKEN, response
        assert response.size < len(whole)
        assert response.body == whole[:response.size]
    os.unlink(path)


def test_F8_a_file_replaced_while_it_is_sent_stays_the_old_one(site):
    site.put("replaced.bin", BREAKING)
    ranges = [(MIB, 9 * MIB), (14 * MIB, 24 * MIB)]
    with site.connect(receive_buffer=32 * KIB) as client:
        client.request("/replaced.bin", fields=[("Range", header(ranges))])
        response = client.read_head()
        site.put("replaced.bin", LARGE)
        client.read_rest(response)
        check(response, BREAKING, ranges)
        check(client.get("/replaced.bin", fields=[("Range", "bytes=0-9,20-29")]), LARGE, [(0, 10), (20, 30)])
    os.unlink(site.path("replaced.bin"))


def test_F16_ranges_of_a_huge_file(site):
    size = 5 * 1024 ** 4
    mark = payload(100_000, seed="mark")
    path = site.path("huge.bin")
    with open(path, "wb") as file:
        try:
            file.truncate(size)
        except OSError as error:
            os.unlink(path)
            pytest.skip(f"this file system has no files of {size} bytes: {error}")
        file.seek(size - len(mark))
        file.write(mark)
    ranges = [(size - 100_000, size), (0, 50_000), (size // 2, size // 2 + 70_000)]
    response = site.get("/huge.bin", fields=[("Range", header(ranges))])
    expected = multipart(boundary_of(response), BINARY, ranges, size,
                         lambda a, b: mark if a == ranges[0][0] else b"\0" * (b - a))
    assert (response.status, response.sha256) == (206, sha256(expected))
    with site.connect(receive_buffer=32 * KIB) as client:  # far more than fits anywhere
        client.request("/huge.bin", fields=[("Range", header([(0, size // 2), (size // 2, size)]))])
        response = client.read_head(keep_body=False)
        parts = multipart(boundary_of(response), BINARY, [(0, size // 2), (size // 2, size)], size, lambda a, b: b"")
        assert response.length == size + len(parts)
        client.read_size(response, 4 * MIB)
    os.unlink(path)
