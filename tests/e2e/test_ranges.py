"""F12: one range, F16: very large files."""

import os

import pytest

from harness import procfs
from harness.message import COMPLETE
from harness.payload import KIB, MIB, payload, sha256

CONTENT = b"0123456789"
LARGE = payload(3 * MIB + 5, seed="range")


@pytest.fixture(scope="module", autouse=True)
def files(server):
    server.put("ten.txt", CONTENT)
    server.put("empty.txt", b"")
    server.put("large.bin", LARGE)


# Range: (first, count) of a 206; None is 200 with everything; 416 is 416.
RANGES = {
    "bytes=0-0": (0, 1), "bytes=0-9": (0, 10), "bytes=2-4": (2, 3), "bytes=9-9": (9, 1),
    "bytes=5-": (5, 5), "bytes=0-": (0, 10), "bytes=9-": (9, 1),
    "bytes=-1": (9, 1), "bytes=-3": (7, 3), "bytes=-10": (0, 10), "bytes=-20": (0, 10),
    "bytes=5-99": (5, 5), "bytes=0-10": (0, 10), "bytes=003-0004": (3, 2),
    # Numbers beyond 64 bit are only large.
    "bytes=5-18446744073709551615": (5, 5), "bytes=5-18446744073709551616": (5, 5),
    "bytes=5-99999999999999999999999999999999": (5, 5), "bytes=-99999999999999999999999999": (0, 10),
    "bytes=9223372036854775807-": 416, "bytes=18446744073709551616-": 416,
    "bytes=99999999999999999999999999999999-": 416,
    "bytes=18446744073709551615-18446744073709551615": 416,
    # Blanks and empty members of the list.
    "bytes= 2-4": (2, 3), "bytes=2-4 ": (2, 3), "bytes=2-4,": (2, 3), "bytes=,2-4": (2, 3),
    "bytes=, ,2-4 , ,": (2, 3), "bytes=\t2-4": (2, 3),
    # The unit in any case.
    "Bytes=2-4": (2, 3), "BYTES=2-4": (2, 3),
    # Unknown or malformed: as if it were not there.
    "items=2-4": None, "byte=2-4": None, "bytes": None, "bytes=": None, "bytes=-": None, "bytes=,": None,
    "bytes=a-b": None, "bytes=2-b": None, "bytes=2": None, "bytes=4-2": None, "bytes=--5": None,
    "bytes=2--4": None, "bytes=+2-4": None, "bytes=2-4x": None, "bytes=2-4;x": None, "bytes 2-4": None,
    "bytes:2-4": None, "2-4": None, "bytes=0x2-4": None, "bytes=2.0-4": None, "bytes=1-2-3": None,
    "bytes=2-4,x": None, "": None,
    # Several of which one can be satisfied; where more can: test_multirange.py.
    "bytes=2-4,99-": (2, 3), "bytes=99-,-3": (7, 3),
    "bytes=10-,99-": 416,
    # Not satisfiable.
    "bytes=10-": 416, "bytes=10-20": 416, "bytes=99-": 416, "bytes=-0": 416,
}


@pytest.mark.parametrize("value", RANGES)
def test_F12_one_range(site, value):
    expected = RANGES[value]
    with site.connect() as client:
        response = client.get("/ten.txt", fields=[("Range", value)])
        assert response.ending == COMPLETE
        if expected is None:
            assert (response.status, response.body) == (200, CONTENT)
            assert response.field("content-range") is None
        elif expected == 416:
            assert (response.status, response.field("content-range")) == (416, "bytes */10")
        else:
            first, count = expected
            assert (response.status, response.body) == (206, CONTENT[first:first + count])
            assert response.field("content-range") == f"bytes {first}-{first + count - 1}/10"
            assert response.field("content-type") == "text/plain; charset=utf-8"
            assert response.field("etag") and response.field("last-modified") and response.field("accept-ranges")
        assert client.get("/ten.txt").body == CONTENT


@pytest.mark.parametrize("value", ["bytes=0-0", "bytes=-1", "bytes=0-", "bytes=5-", "bytes=-0"])
def test_F12_an_empty_file_is_200(site, value):
    response = site.get("/empty.txt", fields=[("Range", value)])
    assert (response.status, response.length, response.size) == (200, 0, 0)


@pytest.mark.parametrize("value", ["bytes=2-4", "bytes=99-"])
def test_F12_range_is_for_get_only(site, value):
    response = site.get("/ten.txt", method="HEAD", fields=[("Range", value)])
    assert (response.status, response.length) == (200, 10)


@pytest.mark.parametrize("first, last", [(0, MIB - 1), (MIB - 1, 2 * MIB), (12345, 3 * MIB + 4), (4096, 8191),
                                         (1, 2), (3 * MIB, 3 * MIB + 4)])
def test_F12_ranges_of_a_larger_file(site, first, last):
    response = site.get("/large.bin", fields=[("Range", f"bytes={first}-{last}")])
    assert (response.status, response.sha256) == (206, sha256(LARGE[first:last + 1]))
    assert response.field("content-range") == f"bytes {first}-{last}/{len(LARGE)}"


def test_F12_a_file_put_together_from_ranges(site):
    """As a downloader with several parts does it, all on one connection."""
    step = 250_007
    parts = b""
    with site.connect() as client:
        for first in range(0, len(LARGE), step):
            parts += client.get("/large.bin", fields=[("Range", f"bytes={first}-{first + step - 1}")]).body
    assert sha256(parts) == sha256(LARGE)


@pytest.mark.parametrize("size", [3 * 1024 ** 3, 5 * 1024 ** 4], ids=["3GiB", "5TiB"])
def test_F16_a_range_near_the_end_of_a_huge_file(site, size):
    mark = payload(100_000, seed="mark")
    path = site.path("huge.bin")
    with open(path, "wb") as file:
        try:
            file.truncate(size)
        except OSError as error:
            os.unlink(path)
            pytest.skip(f"this file system has no files of {size} bytes: {error}")
        file.seek(size - 200_000)
        file.write(mark)
    site.get("/ten.txt")
    before = procfs.memory_bytes(site.pid)
    first = size - 200_000
    with site.connect(receive_buffer=256 * KIB) as client:
        response = client.get("/huge.bin", fields=[("Range", f"bytes={first}-{first + 99_999}")])
        assert (response.status, response.sha256) == (206, sha256(mark))
        assert response.field("content-range") == f"bytes {first}-{first + 99_999}/{size}"
        response = client.get("/huge.bin", fields=[("Range", "bytes=-100000")])
        assert (response.status, response.sha256) == (206, sha256(b"\0" * 100_000))
        assert client.get("/huge.bin", method="HEAD").length == size
        # All of it, as far as 64 MiB: memory does not depend on the size of the file.
        client.request("/huge.bin")
        response = client.read_head(keep_body=False)
        assert response.length == size
        client.read_size(response, 64 * MIB)
        grown = procfs.memory_bytes(site.pid) - before
    os.unlink(path)
    assert grown < 32 * MIB, f"{grown} bytes more"
