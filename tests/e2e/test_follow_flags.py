"""L11: --follow never and --follow GLOB."""
# ctest: label=shared

import pytest

from harness.message import COMPLETE
from harness.writers import GrowingFile


def test_L11_follow_never_serves_the_size_at_open(launch):
    site = launch("--follow", "never")
    with site.grow("growing.log") as growing, site.connect() as client:
        growing.append(b"so far")
        response = client.get("/growing.log")
        assert (response.framing, response.length, response.body) == ("length", 6, b"so far")
        growing.append(b" and more")
        assert client.get("/growing.log").body == b"so far and more"
        head = client.get("/growing.log", method="HEAD")
        assert head.length == 15
        response = client.get("/growing.log", fields=[("Range", "bytes=3-5")])
        assert (response.status, response.body) == (206, b"far")
        assert client.get("/growing.log", version="HTTP/1.0").length == 15
    site.check_healthy()


def test_L11_follow_never_an_empty_file_being_written(launch):
    site = launch("--follow", "never")
    with site.grow("empty.log"):
        response = site.get("/empty.log")
        assert (response.status, response.length) == (200, 0)
    site.check_healthy()


@pytest.mark.parametrize("pattern, followed, not_followed", [
    ("*.log", "app.log", "app.bin"),
    ("*.ts", "video.ts", "video.ts.part"),
])
def test_L11_follow_glob_follows_only_what_matches(launch, pattern, followed, not_followed):
    site = launch("--follow", pattern)
    with GrowingFile(site.path(followed)) as yes, GrowingFile(site.path(not_followed)) as no:
        yes.append(b"begin")
        no.append(b"begin")
        response = site.get("/" + not_followed)
        assert (response.length, response.body) == (5, b"begin")
        with site.connect() as client:
            client.request("/" + followed)
            response = client.read_head()
            assert response.framing == "chunked"
            yes.append(b" end")
            yes.close()
            client.read_rest(response)
            assert (response.ending, response.body) == (COMPLETE, b"begin end")
    site.check_healthy()


def test_L11_follow_auto_is_the_default(launch):
    for arguments in ((), ("--follow", "auto")):
        site = launch(*arguments)
        with site.grow("growing.log") as growing, site.connect() as client:
            client.request("/growing.log")
            assert client.read_head().framing == "chunked"
            growing.append(b"x")
        site.check_healthy()
