"""F1-F3, F5: which name gets which file, and what never leaves the root."""

import html.parser
import os
import socket
import stat
import urllib.parse

import pytest

from harness.message import COMPLETE

SECRET = b"outside of the root"
INSIDE = b"inside of the root"


@pytest.fixture(scope="module", autouse=True)
def tree(server):
    parent = os.path.dirname(server.root)
    with open(os.path.join(parent, "secret.txt"), "wb") as file:
        file.write(SECRET)
    os.makedirs(os.path.join(parent, os.path.basename(server.root) + "-twin"), exist_ok=True)
    with open(os.path.join(parent, os.path.basename(server.root) + "-twin", "secret.txt"), "wb") as file:
        file.write(SECRET)
    server.put("file.txt", INSIDE)
    server.put("dir/file.txt", b"in dir")
    server.put("with index/index.html", b"<p>index</p>")
    server.put("a:b/index.html", b"<p>colon</p>")
    server.put("que?ry/index.html", b"<p>question</p>")
    server.put("dir/index.html/file.txt", b"a directory that is called index.html")
    server.put("...", b"three dots")
    server.put("..file", b"dots in front")
    server.put("back\\slash.txt", b"backslash")
    for name, target in {"out-file": "../secret.txt", "out-absolute": "/etc/passwd", "out-dir": "..",
                         "out-hop": "dir/../../secret.txt", "out-nested": "out-file",
                         "in-file": "file.txt", "in-dir": "dir", "dangling": "nowhere"}.items():
        os.symlink(target, server.path(name))
    os.symlink("loop-b", server.path("loop-a"))
    os.symlink("loop-a", server.path("loop-b"))


TRAVERSALS = [
    "/../secret.txt", "/../../secret.txt", "/dir/../../secret.txt", "/./../secret.txt", "/.././secret.txt",
    "/%2e%2e/secret.txt", "/%2E%2E/secret.txt", "/.%2e/secret.txt", "/%2e./secret.txt",
    "/..%2fsecret.txt", "/..%2Fsecret.txt", "/%2e%2e%2fsecret.txt", "/dir%2f..%2f..%2fsecret.txt",
    "/..\\secret.txt", "/..%5csecret.txt", "/%2e%2e%5csecret.txt", "/dir\\..\\..\\secret.txt",
    "//../secret.txt", "/dir//..//..//secret.txt", "/%2f%2e%2e%2fsecret.txt",
    "/%252e%252e/secret.txt", "/..%252fsecret.txt", "/%c0%ae%c0%ae/secret.txt", "/..%c0%afsecret.txt",
    "/..;/secret.txt", "/....//secret.txt", "/.../secret.txt", "/..%00/secret.txt", "/dir/..%0a/secret.txt",
    "//etc/passwd", "///etc/passwd", "/%2fetc/passwd", "/%2f%2fetc%2fpasswd", "/file:///etc/passwd",
    "http://midstream.test/../secret.txt", "http://midstream.test/%2e%2e/secret.txt",
    "/dir/../../" + "{root}" + "-twin/secret.txt", "/../{root}-twin/secret.txt", "/{root}-twin/secret.txt",
]


@pytest.mark.parametrize("target", TRAVERSALS)
def test_F1_traversal_never_leaves_the_root(site, target):
    response = site.get(target.replace("{root}", os.path.basename(site.root)))
    assert response.status in (400, 403, 404), response
    assert SECRET not in response.body and b"root:" not in response.body


@pytest.mark.parametrize("target", ["/out-file", "/out-absolute", "/out-dir/secret.txt", "/out-hop", "/out-nested",
                                    "/out-dir/", "/in-dir/../out-file"])
def test_F1_symlinks_that_leave_the_root_are_403(site, target):
    response = site.get(target)
    assert response.status == 403
    assert SECRET not in response.body


@pytest.mark.parametrize("target, content", [
    ("/in-file", INSIDE), ("/in-dir/file.txt", b"in dir"), ("/...", b"three dots"), ("/..file", b"dots in front"),
    ("/back%5cslash.txt", b"backslash"), ("/dir/file.txt", b"in dir"), ("/dir%2ffile.txt", b"in dir"),
])
def test_F1_unusual_names_inside_the_root_are_served(site, target, content):
    response = site.get(target)
    assert (response.status, response.body) == (200, content)


@pytest.mark.parametrize("target", ["/dir/../file.txt", "/./file.txt", "//file.txt", "/dir/./../file.txt"])
def test_F1_dot_segments_inside_the_root_are_harmless(site, target):
    response = site.get(target)
    assert response.status in (200, 301, 404), response
    if response.status == 200:
        assert response.body == INSIDE


def location(response, target):
    """Where a redirect leads, as a browser sees it."""
    value = response.field("location")
    assert value and not value.startswith(("/", "http:", "https:")), f"not relative: {value!r}"
    return urllib.parse.urljoin("http://midstream.test" + target, value)


@pytest.mark.parametrize("target, leads_to", [
    ("/dir", "/dir/"),
    ("/dir?a=b&c=%2F", "/dir/?a=b&c=%2F"),
    ("/dir?", "/dir/?"),
    ("/with%20index", "/with%20index/"),
    ("/a:b", "/a:b/"),
    ("/que%3Fry", "/que%3Fry/"),
    ("/dir/index.html/../../dir", "/dir/"),
])
def test_F2_a_directory_without_slash_is_redirected(site, target, leads_to):
    response = site.get(target)
    assert (response.status, response.ending) == (301, COMPLETE)
    assert location(response, target) in ("http://midstream.test" + leads_to,
                                          "http://midstream.test" + leads_to.rstrip("?"))


@pytest.mark.parametrize("target", ["//dir", "///dir", "//midstream.test/..//dir", "/%2fdir", "/\\dir"])
def test_F2_a_redirect_never_leads_to_another_host(site, target):
    response = site.get(target)
    if response.status in (301, 302, 307, 308):
        value = response.field("location")
        host = urllib.parse.urlsplit(urllib.parse.urljoin("http://midstream.test/", value)).netloc
        assert host == "midstream.test" and not value.startswith(("//", "\\", "/\\")), response


@pytest.mark.parametrize("target, leads_to", [
    ("/with%20index/index.html", "/with%20index/"),
    ("/with%20index/index.html?a=b", "/with%20index/?a=b"),
])
def test_F2_index_html_is_redirected_to_its_directory(site, target, leads_to):
    response = site.get(target)
    assert response.status == 301
    assert response.field("location").startswith("./")
    assert location(response, target) == "http://midstream.test" + leads_to


@pytest.mark.parametrize("target", ["/file.txt/", "/dir/file.txt/", "/in-file/", "/file.txt//", "/file.txt/."])
def test_F2_a_file_with_a_trailing_slash_is_404(site, target):
    assert site.get(target).status == 404


@pytest.mark.parametrize("target", ["/with%20index/", "/with%20index//", "/with%20index/?q=1"])
def test_F3_a_directory_with_an_index_is_its_content(site, target):
    response = site.get(target)
    assert (response.status, response.body) == (200, b"<p>index</p>")
    assert response.field("content-type") == "text/html; charset=utf-8"
    assert response.field("etag") and response.field("last-modified")


def test_F3_the_index_answers_conditions_and_ranges(site):
    with site.connect() as client:
        tag = client.get("/with%20index/").field("etag")
        assert client.get("/with%20index/", fields=[("If-None-Match", tag)]).status == 304
        response = client.get("/with%20index/", fields=[("Range", "bytes=3-7")])
        assert (response.status, response.body) == (206, b"index")


class Links(html.parser.HTMLParser):
    """The targets of a page's links, as a browser reads them."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag == "a":
            self.found.append(dict(attributes).get("href", ""))


HOSTILE_NAMES = ["<script>alert(1)", "a&b", 'quo"te', "apo'strophe", "que?stion", "ha#sh", "per%cent",
                 "co:lon", "javascript:alert(1)", "umläut", "blank s", "new\nline", "<img src=x>"]


def test_F3_a_listing_names_every_file_escaped(site):
    for name in HOSTILE_NAMES:
        site.put(f"list/{name}", b"x")
    response = site.get("/list/", fields=[("Accept", "text/html")])
    page = response.body.decode()
    assert response.status == 200
    assert response.field("content-type") == "text/html; charset=utf-8"
    for raw in ("<script>alert", "<img src=x", 'quo"te', "a&b"):
        assert raw not in page, raw
    assert "umläut" in page
    # Every link leads to its file: resolved as a browser does, asked, found.
    hrefs = Links(page).found
    resolved = {urllib.parse.urlsplit(urllib.parse.urljoin("http://midstream.test/list/", href)) for href in hrefs}
    paths = {urllib.parse.unquote(url.path) for url in resolved if url.netloc == "midstream.test"}
    names = {name for name in HOSTILE_NAMES if "\n" not in name}
    assert {f"/list/{name}" for name in names} <= paths, sorted(paths)
    assert not any(url.scheme == "javascript" for url in resolved)


def test_F3_an_empty_directory_has_a_listing(site):
    os.makedirs(site.path("empty"), exist_ok=True)
    assert site.get("/empty/").status == 200


@pytest.mark.parametrize("target", [
    "/missing", "/missing/", "/missing/file.txt", "/file.txt/below", "/file.txt/below/", "/dangling",
    "/" + "n" * 256, "/" + "n" * 300 + "/file", "/" + "d/" * 2200 + "file",
], ids=["missing", "missing-slash", "missing-dir", "below-a-file", "below-a-file-slash", "dangling-link",
        "name-too-long", "dir-too-long", "path-too-long"])
def test_F5_what_is_not_there_is_404(site, target):
    response = site.get(target)
    assert response.status == 404
    check_error_body(site, response)


def check_error_body(site, response):
    """No text of the operating system, no path of the machine."""
    text = response.body.decode()
    for leaked in ("No such file", "Permission denied", "Not a directory", "too long", "errno", "ENO", "EACCES",
                   site.root, os.path.dirname(site.root)):
        assert leaked.lower() not in text.lower(), text


def test_F5_a_loop_of_symlinks_is_an_error_at_once(site):
    response = site.get("/loop-a")
    assert response.status in (403, 404, 500)
    check_error_body(site, response)


def test_F5_a_fifo_is_403_promptly_and_is_not_opened(site):
    os.mkfifo(site.path("fifo"))
    for _ in range(10):
        assert site.get("/fifo", seconds=5).status == 403
    # With a writer at its other end, too: nothing of it is taken.
    reader = os.open(site.path("fifo"), os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(site.path("fifo"), os.O_WRONLY | os.O_NONBLOCK)
    os.write(writer, b"not for the web")
    assert site.get("/fifo", seconds=5).status == 403
    assert os.read(reader, 100) == b"not for the web"
    os.close(writer)
    os.close(reader)


def test_F5_a_unix_socket_is_403(site):
    with socket.socket(socket.AF_UNIX) as listener:
        directory = os.open(site.root, os.O_RDONLY)  # a short name, whatever the length of the root
        listener.bind(f"/proc/self/fd/{directory}/socket")
        os.close(directory)
        assert site.get("/socket", seconds=5).status == 403


def test_F5_a_device_is_403(site):
    try:
        os.mknod(site.path("device"), 0o666 | stat.S_IFCHR, os.makedev(1, 5))  # /dev/zero
    except PermissionError as error:
        pytest.skip(f"no device can be made here: {error}")
    assert site.get("/device", seconds=5).status == 403
