"""F6: every error answer: its form by Accept, its length, its fields, and what it must not have."""

import html
import json
import os
import re

import pytest

from harness.client import request_bytes
from harness.message import COMPLETE
from harness.payload import KIB

MTIME = 1_500_000_000
PLAIN = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
PROBLEM = "application/problem+json"
JSON = "application/json"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"

TITLES = {301: "Moved Permanently", 400: "Bad Request", 403: "Forbidden", 404: "Not Found",
          405: "Method Not Allowed", 412: "Precondition Failed", 413: "Content Too Large", 414: "URI Too Long",
          416: "Range Not Satisfiable", 431: "Request Header Fields Too Large", 501: "Not Implemented",
          505: "HTTP Version Not Supported"}


@pytest.fixture(scope="module", autouse=True)
def files(server):
    server.put("file.txt", b"content", MTIME)
    server.put("dir/file.txt", b"in dir")
    os.mkfifo(server.path("fifo"))


# What a handler answers knows the request's Accept: name: (status, request).
ANSWERED = {
    "301-directory": (301, ("/dir", "GET", [])),
    "400-nul-in-the-path": (400, ("/%00", "GET", [])),
    "400-bad-escape": (400, ("/%zz", "GET", [])),
    "403-fifo": (403, ("/fifo", "GET", [])),
    "404-missing": (404, ("/missing", "GET", [])),
    "404-missing-with-range": (404, ("/missing", "GET", [("Range", "bytes=0-1,3-4")])),
    "405-delete": (405, ("/file.txt", "DELETE", [])),
    "405-post": (405, ("/missing", "POST", [])),
    "412-if-match": (412, ("/file.txt", "GET", [("If-Match", '"other"')])),
    "413-declared": (413, ("/file.txt", "GET", [("Content-Length", 99_999_999_999)])),
    "416-range": (416, ("/file.txt", "GET", [("Range", "bytes=100-")])),
    "416-ranges": (416, ("/file.txt", "GET", [("Range", "bytes=100-,-0")])),
    "501-unknown-method": (501, ("/file.txt", "FROBNICATE", [])),
}

# What is no proper request has none: always plain text, and the end of the connection.
REFUSED = {
    "400-no-host": (400, b"GET / HTTP/1.1\r\nAccept: text/html\r\n\r\n"),
    "400-blank-before-the-colon": (400, b"GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\nX : a\r\n\r\n"),
    "414-long-target": (414, b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n\r\n"),
    "431-long-field": (431, b"GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\nX: " + b"a" * 100_000 + b"\r\n\r\n"),
    "505-version-3": (505, b"GET / HTTP/3.0\r\nHost: a\r\nAccept: text/html\r\n\r\n"),
}

# Accept: the form. None: no such field.
ACCEPT = {
    None: PLAIN, "": PLAIN, "*/*": PLAIN, "text/plain": PLAIN, "text/*": PLAIN, "image/png": PLAIN, "a;;;": PLAIN,
    BROWSER: HTML, "text/html": HTML, "text/html;q=0.1": HTML, "text/html, */*": HTML, "TEXT/HTML": HTML,
    "text/html;q=0.5, text/plain": PLAIN, "text/html;q=0, */*": PLAIN,
    PROBLEM: PROBLEM, f"{PROBLEM}, {JSON}": PROBLEM, "application/*": PROBLEM,
    JSON: JSON, f"{JSON}, text/plain, */*": JSON, f"{JSON}, */*;q=0.01": JSON,
}

NEVER = ("etag", "last-modified", "cache-control", "expires", "accept-ranges", "content-encoding",
         "content-disposition", "transfer-encoding")


def check_error(response, status, form):
    assert (response.status, response.ending, response.framing) == (status, COMPLETE, "length"), response
    assert response.field("content-type") == form
    assert response.field("x-content-type-options") == "nosniff"
    assert response.length == response.size > 0
    assert response.size < KIB
    for name in NEVER:
        assert response.field(name) is None, name
    check_text(response.body.decode(), status, form)


def check_text(text, status, form):
    if form == PLAIN:
        assert text == f"{status} {TITLES[status]}\n"
    elif form == HTML:
        assert text.startswith("<!doctype html>\n")
        assert html.unescape(re.search("<title>(.*)</title>", text)[1]) == f"{status} {TITLES[status]}"
    else:
        assert json.loads(text) == {"type": "about:blank", "title": TITLES[status], "status": status}


@pytest.mark.parametrize("name", ANSWERED)
def test_F6_the_form_follows_accept(site, name):
    status, (target, method, fields) = ANSWERED[name]
    for accept, form in ACCEPT.items():
        response = site.get(target, method, fields + ([] if accept is None else [("Accept", accept)]))
        check_error(response, status, form)
        # Caches store a 404 or 405 without being asked to: they must know that it has several forms.
        assert "accept" in response.tokens("vary"), response


def test_F6_accept_on_two_lines_is_one_list(site):
    fields = [("Accept", "text/plain;q=0.5"), ("Accept", "application/json")]
    check_error(site.get("/missing", fields=fields), 404, JSON)


@pytest.mark.parametrize("name", REFUSED)
def test_F6_what_is_no_request_is_refused_in_plain_text(site, name):
    status, wire = REFUSED[name]
    with site.connect() as client:
        client.try_send(wire)
        response = client.read_response()
        check_error(response, status, PLAIN)
        assert not response.keeps_connection
        assert client.read_end()[0] == b""


@pytest.mark.parametrize("name", [name for name in ANSWERED if ANSWERED[name][1][1] == "GET"])
@pytest.mark.parametrize("accept", ["*/*", BROWSER, JSON])
def test_F6_head_has_the_same_fields_and_no_body(site, name, accept):
    status, (target, _, fields) = ANSWERED[name]
    if status == 416:
        status = 200  # Range is for GET only
    fields = fields + [("Accept", accept)]
    got = site.get(target, "GET", fields)
    with site.connect() as client:
        response = client.get(target, "HEAD", fields)
        assert (response.status, response.size) == (status, 0)
        if status != 200:
            assert [field for field in response.fields if field[0] != "Date"] == \
                   [field for field in got.fields if field[0] != "Date"]
        if response.keeps_connection:
            assert client.get("/file.txt").body == b"content", "something of a body was sent"


def test_F6_the_connection_goes_on_behind_an_error(site):
    kept = [name for name in ANSWERED if not name.startswith("413")]
    with site.connect() as client:
        client.send(b"".join(request_bytes(*ANSWERED[name][1]) + request_bytes("/file.txt") for name in kept))
        for name in kept:
            check_error(client.read_response(), ANSWERED[name][0], PLAIN)
            assert client.read_response().body == b"content"


def test_F6_nothing_of_the_request_is_in_the_answer(site):
    mark = "%3Cscript%3Ealert(1)%3C/script%3E"
    for accept in (BROWSER, JSON, "*/*"):
        fields = [("Accept", accept), ("User-Agent", "<script>"), ("Referer", "<script>")]
        for target, method in ((f"/{mark}", "GET"), (f"/{mark}", "DELETE"), (f"/{mark}%00", "GET")):
            response = site.get(target, method, fields)
            assert response.status in (400, 404, 405)
            assert b"script" not in response.body and b"alert" not in response.body


def test_F6_what_the_file_has_is_not_in_its_errors(site):
    """An error about a file that exists carries none of its fields."""
    file = site.get("/file.txt")
    old = "Sun, 06 Nov 1994 08:49:37 GMT"
    for fields in ([("If-Match", '"other"')], [("Range", "bytes=100-")], [("If-Unmodified-Since", old)]):
        response = site.get("/file.txt", fields=fields)
        assert response.status in (412, 416)
        for name in ("etag", "last-modified", "accept-ranges"):
            assert file.field(name) is not None
            assert response.field(name) is None


def test_F7_allow_stays_on_a_405_in_every_form(site):
    for accept in ("*/*", BROWSER, JSON):
        response = site.get("/file.txt", "DELETE", [("Accept", accept)])
        assert response.tokens("allow") == {"get", "head", "options"}
