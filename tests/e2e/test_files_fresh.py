"""F8: what a file is now is what the next request gets, at once, whichever way it changes.

Tight loops on one kept connection: change, ask, compare; nothing in between. The change is visible to `stat`
of another process (this one) before the request is sent, so nothing older may come.
"""
# ctest: label=once timeout=900

import gzip
import os

import pytest

from harness.configured import ConfiguredServer
from harness.message import COMPLETE
from harness.payload import KIB, payload

pytestmark = pytest.mark.bound(400)

ROUNDS = 10_000
SERVER_ARGUMENTS = ("--threads", "2")


def assert_fresh(client, target, expected, seen_tags=None):
    response = client.get(target, seconds=10)
    assert (response.status, response.ending) == (200, COMPLETE), response
    assert response.body == expected, f"{response.size} bytes are not the newest {len(expected)}"
    if seen_tags is not None:
        tag = response.field("etag")
        assert tag and tag not in seen_tags, f"the tag {tag} was that of another content"
        seen_tags.add(tag)


def content_of_round(number):
    """Now and then larger than what is kept in memory; the same size again and again."""
    size = 20 * KIB if number % 16 == 0 else 100 + number % 3
    return (b"%d " % number).ljust(size, b".")


def test_F8_a_file_that_is_replaced_by_rename_is_new_at_once(site):
    tags = set()
    with site.connect() as client:
        for number in range(ROUNDS):
            content = content_of_round(number)
            site.put("replaced.txt", content)
            assert_fresh(client, "/replaced.txt", content, tags)


def test_F8_a_file_that_is_appended_to_in_place_is_new_at_once(site):
    """Each time by somebody who opens it, writes and closes."""
    path = site.put("appended.txt")
    content = bytearray()
    with site.connect() as client:
        for number in range(ROUNDS):
            more = b"%d\n" % (number % 10)
            with open(path, "ab", buffering=0) as file:
                file.write(more)
            content += more
            assert_fresh(client, "/appended.txt", content)


def test_F8_a_file_that_is_overwritten_in_place_is_new_at_once(site):
    """Same inode, same size."""
    path = site.put("overwritten.txt", b"-" * 40)
    with site.connect() as client:
        for number in range(ROUNDS):
            content = (b"%d" % number).ljust(40, b"-")
            with open(path, "r+b", buffering=0) as file:
                file.write(content)
            assert_fresh(client, "/overwritten.txt", content)


def test_F8_a_file_that_is_written_and_not_followed_is_new_at_once(launch):
    """Its writer keeps it open; every answer has at least what was written before it was asked for."""
    site = launch("--follow", "never", "--threads", "1")
    content = bytearray()
    with open(site.path("open.txt"), "wb", buffering=0) as file, site.connect() as client:
        for number in range(ROUNDS):
            more = b"%d\n" % (number % 10)
            file.write(more)
            content += more
            assert_fresh(client, "/open.txt", content)
    site.check_healthy()


def test_F8_a_deleted_file_is_gone_and_a_new_one_is_there_at_once(site):
    with site.connect() as client:
        for number in range(ROUNDS // 2):
            content = b"%d" % number
            path = site.put("deleted.txt", content)
            assert_fresh(client, "/deleted.txt", content)
            os.unlink(path)
            assert client.get("/deleted.txt", seconds=10).status == 404


def test_F8_a_directory_that_is_swapped_has_its_new_files_at_once(site):
    """How releases are switched: a symlink is replaced by rename, or directories are renamed."""
    with site.connect() as client:
        for number in range(ROUNDS // 4):
            content = b"%d" % number
            site.put(f"releases/{number % 2}/app.js", content)
            os.symlink(f"releases/{number % 2}", site.path("current.new"))
            os.rename(site.path("current.new"), site.path("current"))
            assert_fresh(client, "/current/app.js", content)
    with site.connect() as client:
        for number in range(ROUNDS // 4):
            content = b"%d" % number
            site.put("next/app.js", content)
            if number:
                os.rename(site.path("live"), site.path(f"old-{number}"))
                assert client.get("/live/app.js", seconds=10).status == 404
            os.rename(site.path("next"), site.path("live"))
            assert_fresh(client, "/live/app.js", content)


def test_F8_an_index_that_comes_and_goes_decides_at_once(site):
    os.mkdir(site.path("indexed"))
    with site.connect() as client:
        for number in range(ROUNDS // 4):
            content = b"<p>%d" % number
            path = site.put("indexed/index.html", content)
            assert_fresh(client, "/indexed/", content)
            os.unlink(path)
            response = client.get("/indexed/", seconds=10)
            assert response.status == 200 and response.body != content, "not the listing"


PRECOMPRESSED = """
threads = 1

[[listen]]
address = "127.0.0.1:0"

[[site]]

[[site.route]]
path = "/"
files = {{ root = "{root}", precompressed = ["gzip"] }}
"""


@pytest.fixture
def precompressed(tmp_path):
    root = tmp_path / "served"
    root.mkdir()
    config = tmp_path / "midstream.toml"
    config.write_text(PRECOMPRESSED.format(root=root))
    running = ConfiguredServer(config, root)
    running.put("app.js", b"plain", mtime=1_500_000_000)
    running.warm_up()
    yield running
    try:
        running.close_clients()
        running.check_healthy()
        assert running.stop() == 0
    finally:
        running.kill()


def test_F10_a_precompressed_sibling_that_changes_comes_or_goes_is_known_at_once(precompressed):
    site = precompressed
    takes_gzip = [("Accept-Encoding", "gzip")]

    def assert_encoding(client, encoding, expected):
        response = client.get("/app.js", fields=takes_gzip, seconds=10)
        assert (response.status, response.field("content-encoding")) == (200, encoding), response
        assert (gzip.decompress(response.body) if encoding else response.body) == expected
        assert "accept-encoding" in response.tokens("vary")

    with site.connect() as client:
        for number in range(ROUNDS // 5):
            assert_encoding(client, None, b"plain")
            for text in (b"%d" % number, b"%d again" % number):
                sibling = site.put("app.js.gz", gzip.compress(text))
                assert_encoding(client, "gzip", text)
            os.unlink(sibling)
            assert_encoding(client, None, b"plain")
            # An older one does not count, also where it was the original that changed.
            site.put("app.js.gz", gzip.compress(b"old"), mtime=1_500_000_000)
            site.put("app.js", b"%d" % number)
            assert_encoding(client, None, b"%d" % number)
            os.unlink(sibling)
            site.put("app.js", b"plain", mtime=1_500_000_000)


def test_F8_large_files_are_new_at_once_too(site):
    """They are sent from their descriptor."""
    contents = [payload(100 * KIB, seed=number) for number in range(4)]
    with site.connect() as client:
        for number in range(ROUNDS // 5):
            site.put("large.bin", contents[number % 4])
            assert_fresh(client, "/large.bin", contents[number % 4])
