"""F6-F9: errors, refused methods, validators, media types."""

import email.utils
import os
import re

import pytest

from harness.message import COMPLETE
from harness.payload import KIB, MIB, payload, sha256

MTIME = 1_500_000_000


@pytest.fixture(scope="module", autouse=True)
def files(server):
    server.put("file.txt", b"content", MTIME)


# -- F6 -------------------------------------------------------------------------------------------

ERRORS = {
    "404": (404, "/missing", "GET", []),
    "405": (405, "/file.txt", "DELETE", []),
    "412": (412, "/file.txt", "GET", [("If-Match", '"other"')]),
    "416": (416, "/file.txt", "GET", [("Range", "bytes=100-")]),
    "400": (400, "/%00", "GET", []),
    "501": (501, "/file.txt", "FROBNICATE", []),
}


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("accept", [None, "*/*", "text/plain", "text/html,application/xhtml+xml,*/*;q=0.8",
                                    "application/json", "nonsense;;;"])
def test_F6_errors_are_small_text_without_validators(site, name, accept):
    status, target, method, fields = ERRORS[name]
    response = site.get(target, method, fields + ([("Accept", accept)] if accept else []))
    assert (response.status, response.ending, response.framing) == (status, COMPLETE, "length")
    kind = "text/html" if accept and accept.startswith("text/html") else "text/plain"
    if accept in (None, "*/*", "text/plain") or kind == "text/html":
        assert response.field("content-type") == f"{kind}; charset=utf-8"
    assert response.field("x-content-type-options") == "nosniff"
    assert 0 < response.size < 4 * KIB
    for absent in ("etag", "last-modified", "cache-control", "expires", "accept-ranges"):
        assert response.field(absent) is None, absent


def test_F6_what_the_client_sent_is_not_markup_in_the_answer(site):
    target = "/%3Cscript%3Ealert(1)%3C/script%3E"
    response = site.get(target, fields=[("Accept", "text/html"), ("User-Agent", "<script>")])
    assert response.status == 404
    assert b"<script" not in response.body


# -- F7 -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
@pytest.mark.parametrize("target", ["/file.txt", "/", "/missing"])
def test_F7_methods_that_are_not_for_files_are_405(site, method, target):
    response = site.get(target, method)
    assert (response.status, response.tokens("allow")) == (405, {"get", "head", "options"})


def test_F7_a_refused_method_changes_nothing(site):
    for method in ("PUT", "DELETE", "PATCH", "POST"):
        with site.connect() as client:
            client.request("/file.txt", method, [("Content-Length", 3)])
            client.try_send(b"new")
            assert client.read_response().status == 405
    assert site.get("/file.txt").body == b"content"
    assert not os.path.exists(site.path("new"))


# -- F8 -------------------------------------------------------------------------------------------

def test_F8_validators_of_a_file(site):
    response = site.get("/file.txt")
    assert response.field("accept-ranges") == "bytes"
    assert response.field("last-modified") == email.utils.formatdate(MTIME, usegmt=True)
    assert re.fullmatch(r'"[\x21\x23-\x7e]+"', response.field("etag")), "a strong tag"
    assert site.get("/file.txt").field("etag") == response.field("etag")


def test_F8_no_last_modified_at_the_epoch(site):
    site.put("epoch.txt", b"old", 0)
    response = site.get("/epoch.txt")
    assert (response.status, response.field("last-modified")) == (200, None)
    assert response.field("etag")


def test_F8_a_time_before_the_epoch_or_far_ahead_is_no_crash(site):
    for mtime in (-1, -(2 ** 31), 2 ** 33, 253_402_300_800):
        path = site.put(f"time{mtime}.txt", b"content")
        try:
            os.utime(path, (mtime, mtime))
        except OverflowError:
            continue
        response = site.get(f"/time{mtime}.txt")
        assert (response.status, response.body) == (200, b"content")


def test_F8_the_tag_changes_with_a_nanosecond_with_size_and_with_the_inode(site):
    def tag():
        return site.get("/tagged.txt").field("etag")

    path = site.put("tagged.txt", b"content", MTIME)
    seen = [tag()]
    os.utime(path, ns=(0, MTIME * 10 ** 9 + 1))
    seen.append(tag())
    with open(path, "ab") as file:
        file.write(b"!")
    os.utime(path, ns=(0, MTIME * 10 ** 9 + 1))
    seen.append(tag())
    # The same size and time in another inode.
    site.put("tagged.txt.2", b"Content!")
    os.utime(site.path("tagged.txt.2"), ns=(0, MTIME * 10 ** 9 + 1))
    os.rename(site.path("tagged.txt.2"), path)
    seen.append(tag())
    assert len(set(seen)) == 4, seen


def test_F8_a_file_replaced_by_rename_is_new_for_the_next_request_at_once(site):
    with site.connect() as client:
        tags = set()
        for number in range(200):
            content = b"version %d" % number
            site.put("replaced.txt", content)
            response = client.get("/replaced.txt")
            assert (response.status, response.body) == (200, content)
            tags.add(response.field("etag"))
            assert response.field("etag") == client.get("/replaced.txt", method="HEAD").field("etag")
        assert len(tags) == 200


def test_F8_removed_and_made_again_is_seen_at_once(site):
    with site.connect() as client:
        for number in range(50):
            path = site.put("comes-and-goes.txt", b"%d" % number)
            assert client.get("/comes-and-goes.txt").body == b"%d" % number
            os.unlink(path)
            assert client.get("/comes-and-goes.txt").status == 404


def test_F8_changed_in_place_is_seen_at_once(site):
    path = site.put("changed.txt", b"0")
    with site.connect() as client:
        for number in range(100):
            content = b"x" * (number + 1)
            with open(path, "wb") as file:
                file.write(content)
            response = client.get("/changed.txt")
            assert (response.status, response.length, response.body) == (200, len(content), content)


def test_F8_a_renamed_directory_is_seen_at_once(site):
    for number in range(20):
        site.put(f"generation-{number}/file.txt", b"%d" % number)
        if number:
            os.rename(site.path("current"), site.path(f"old-{number}"))
        os.rename(site.path(f"generation-{number}"), site.path("current"))
        assert site.get("/current/file.txt").body == b"%d" % number


def test_F8_a_running_transfer_keeps_the_old_file(site):
    old, new = payload(12 * MIB, seed="old"), payload(12 * MIB, seed="new")
    site.put("big.bin", old)
    with site.connect(receive_buffer=32 * KIB) as running:
        running.request("/big.bin")
        response = running.read_head(keep_body=False)
        site.put("big.bin", new)
        assert site.get("/big.bin").sha256 == sha256(new)
        running.read_rest(response)
        assert response.sha256 == sha256(old)
        assert running.get("/big.bin", keep_body=False).sha256 == sha256(new)
    os.unlink(site.path("big.bin"))


# -- F9 -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, media_type", [
    ("a.html", "text/html; charset=utf-8"), ("a.htm", "text/html; charset=utf-8"),
    ("a.txt", "text/plain; charset=utf-8"), ("a.css", "text/css; charset=utf-8"),
    ("A.HTML", "text/html; charset=utf-8"),
    ("a.json", "application/json"), ("a.png", "image/png"), ("a.jpg", "image/jpeg"), ("a.jpeg", "image/jpeg"),
    ("a.gif", "image/gif"), ("a.svg", "image/svg+xml"), ("a.webp", "image/webp"), ("a.pdf", "application/pdf"),
    ("a.mp4", "video/mp4"), ("a.webm", "video/webm"), ("a.mp3", "audio/mpeg"), ("a.wasm", "application/wasm"),
    ("a.zip", "application/zip"), ("a.b.png", "image/png"), ("a.m3u8", "application/vnd.apple.mpegurl"),
    ("a.mpd", "application/dash+xml"), ("a.xml", "application/xml"),
])
def test_F9_content_type_by_extension(site, name, media_type):
    site.put(f"types/{name}", b"\x00\x01")
    assert site.get(f"/types/{name}").field("content-type") == media_type


def test_F9_javascript_is_text(site):
    site.put("types/a.js", b"1")
    assert site.get("/types/a.js").field("content-type") in (
        "text/javascript; charset=utf-8", "application/javascript; charset=utf-8")


def test_F9_a_transport_stream_is_video(site):
    site.put("types/a.ts", b"G" * 188)
    assert site.get("/types/a.ts").field("content-type").lower() == "video/mp2t"


@pytest.mark.parametrize("name", ["noextension", "dot.", ".hidden", "a.unknown-extension"])
def test_F9_no_known_extension_still_has_a_well_formed_type(site, name):
    site.put(f"types/{name}", b"\x00\x01\x02")
    response = site.get(f"/types/{name}")
    assert response.status == 200
    assert re.fullmatch(r"[a-z]+/[a-z0-9.+-]+(; charset=utf-8)?", response.field("content-type"))


def test_F9_an_extension_of_the_directory_does_not_count(site):
    site.put("types/dir.png/noextension", b"\x00\x01")
    assert site.get("/types/dir.png/noextension").field("content-type") != "image/png"
