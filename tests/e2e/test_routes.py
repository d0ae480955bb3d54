"""Sites, routes and what they may do with an answer."""

import os

import pytest

from harness.configured import ConfiguredServer
from harness.message import COMPLETE
from harness.routes import toml

CONFIG = """
threads = 2
[media_types]
weird = "text/x-weird"
[[listen]]
address = "127.0.0.1:0"

[[site]]
hosts = ["a.example", "*.wild.example"]
error_pages = {404 = PAGE404, 4xx = PAGE4XX}
headers = {set = {X-Site = "a"}, add = {Link = ["</a>", "</b>"]}}
[[site.route]]
path = "/"
files = {root = ROOT, hide = [".*", "*.secret"], index = ["index.html", "start.txt"]}
[[site.route]]
path = "/"
names = ["*.css"]
files = {root = ROOT}
headers = {set = {Cache-Control = "max-age=60", X-Site = "css"}, remove = ["ETag"], on_errors = true}
[[site.route]]
path = "/mounted/deep"
files = {root = ROOT, listing = true}
[[site.route]]
path = "/app"
files = {root = ROOT, try_files = ["{path}", "{path}.html", "{path}/", "/index.html"]}
[[site.route]]
path = "/strict"
files = {root = ROOT, try_files = ["{path}", "=410"]}
[[site.route]]
path = "/old"
redirect = {to = "https://new.example{rest}{query}"}
[[site.route]]
path = "/secure"
redirect = {to = "https://{host}{path}{query}", status = 301}
[[site.route]]
path = "/teapot"
answer = {status = 418, body = "short and stout", type = "text/x-tea"}
[[site.route]]
path = "/nothing"
answer = {status = 204}
[[site.route]]
path = "/links/never"
files = {root = ROOT, symlinks = "never"}
[[site.route]]
path = "/links/follow"
files = {root = ROOT, symlinks = "follow"}
[[site.route]]
path = "/plain"
files = {root = ROOT, sniff = false, default_type = "text/x-default"}

[[site]]
hosts = ["b.example"]
[[site.route]]
path = "/only"
answer = {body = "b"}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    place = tmp_path_factory.mktemp("routes")
    root = place / "served"
    (root / "dir").mkdir(parents=True)
    outside = place / "outside.txt"
    outside.write_bytes(b"outside")
    (root / "out.txt").symlink_to(outside)
    (root / "in.txt").symlink_to("file.txt")
    for name, content in {"file.txt": b"file", "index.html": b"index", "dir/start.txt": b"start", "a.css": b"css",
                          ".hidden": b"hidden", "dir/x.secret": b"secret", "page.html": b"page",
                          "sniffed": b"%PDF-1.7\n", "unknown.weird": b"weird"}.items():
        (root / name).write_bytes(content)
    (place / "404.html").write_bytes(b"<h1>own 404</h1>")
    (place / "4xx.txt").write_bytes(b"own 4xx")
    config = place / "midstream.toml"
    config.write_text(CONFIG.replace("ROOT", toml(root)).replace("PAGE404", toml(place / "404.html"))
                      .replace("PAGE4XX", toml(place / "4xx.txt")))
    running = ConfiguredServer(config, root)
    yield running
    assert running.stop() == 0
    assert not running.error_lines(), running.error_lines()


def get(server, target, host="a.example", method="GET", fields=()):
    with server.connect() as client:
        client.request(target, method, fields, host=host)
        return client.read_response(method)


@pytest.mark.parametrize("host, status, body", [
    ("a.example", 200, b"file"), ("A.EXAMPLE:80", 200, b"file"), ("x.wild.example", 200, b"file"),
    ("wild.example", 421, None), ("nobody.example", 421, None), ("b.example", 404, None)])
def test_route_the_host_chooses_the_site(server, host, status, body):
    response = get(server, "/file.txt", host)
    assert response.status == status
    assert body is None or response.body == body


def test_H8_an_absolute_target_stands_above_host(server):
    assert get(server, "http://b.example/only", "a.example").body == b"b"


def test_H8_options_of_the_whole_server(server):
    response = get(server, "*", method="OPTIONS")
    assert response.status == 204 and "GET" in response.field("allow")


@pytest.mark.parametrize("target, status, body", [
    ("/dir/", 200, b"start"),                       # the second index name
    ("/mounted/deep/file.txt", 200, b"file"),       # what follows the route's path is below the root
    ("/mounted/deep%2Ffile.txt", 200, b"file"),
    ("/mounted/%64eep/file.txt", 200, b"file"),
    ("/mounted/deep/../deep/file.txt", 200, b"file"),
    ("/mounted/deeper/file.txt", 404, None),
    ("/mounted/deep/../../file.txt", 200, b"file"),  # cleaned first, then routed
    ("/.hidden", 404, None), ("/dir/x.secret", 404, None), ("/%2ehidden", 404, None),
    ("/app", 301, None), ("/app/", 200, b"index"), ("/app/file.txt", 200, b"file"), ("/app/page", 200, b"page"),
    ("/app/dir", 301, None), ("/app/dir/", 403, None),  # it is there, without an index
    ("/app/no/such/thing", 200, b"index"),
    ("/strict/file.txt", 200, b"file"), ("/strict/missing", 410, None),
    ("/links/never/in.txt", 403, None), ("/links/never/file.txt", 200, b"file"),
    ("/in.txt", 200, b"file"), ("/out.txt", 403, None), ("/links/follow/out.txt", 200, b"outside"),
])
def test_route_paths(server, target, status, body):
    response = get(server, target)
    assert response.status == status, response
    assert body is None or response.body == body
    assert response.ending == COMPLETE


def test_F2_a_mounted_directory_gets_its_slash(server):
    response = get(server, "/mounted/deep?x=1")
    assert (response.status, response.field("location")) == (301, "deep/?x=1")
    assert get(server, "/mounted/deep/").status == 200


@pytest.mark.parametrize("target, status, location", [
    ("/old", 308, "https://new.example"), ("/old/", 308, "https://new.example/"),
    ("/old/a%20b?q=%41", 308, "https://new.example/a%20b?q=%41"),
    ("/%6fld/x", 308, "https://new.example/x"),
    ("/old//evil.example/", 308, "https://new.example/evil.example/"),
    ("/secure/a?b", 301, "https://a.example/secure/a?b"),
    ("//secure//evil.example", 301, "https://a.example/secure/evil.example"),
])
def test_route_redirects(server, target, status, location):
    response = get(server, target)
    assert (response.status, response.field("location")) == (status, location)
    assert response.ending == COMPLETE


def test_route_fixed_answers(server):
    response = get(server, "/teapot/any")
    assert (response.status, response.body, response.field("content-type")) == (418, b"short and stout", "text/x-tea")
    response = get(server, "/nothing")
    assert (response.status, response.body or b"", response.field("content-type")) == (204, b"", None)
    assert get(server, "/teapot", method="HEAD").field("content-length") == "15"


def test_route_header_rules(server):
    response = get(server, "/file.txt")
    assert response.field("x-site") == "a" and response.field("etag")
    assert [value for name, value in response.fields if name.lower() == "link"] == ["</a>", "</b>"]
    response = get(server, "/a.css")
    assert response.field("x-site") == "css" and response.field("cache-control") == "max-age=60"
    assert response.field("etag") is None
    assert get(server, "/missing").field("x-site") is None, "not on errors unless told"
    response = get(server, "/missing.css")
    assert (response.status, response.field("x-site")) == (404, "css")


def test_H6_a_304_has_the_fields_of_the_route(server):
    etag = get(server, "/file.txt").field("etag")
    response = get(server, "/file.txt", fields=[("If-None-Match", etag)])
    assert (response.status, response.field("x-site")) == (304, "a")


def test_F6_error_pages_keep_the_status_and_carry_no_validator(server):
    response = get(server, "/missing", fields=[("Accept", "application/json")])
    assert (response.status, response.body) == (404, b"<h1>own 404</h1>")
    assert response.field("content-type") == "text/html; charset=utf-8"
    assert response.field("x-content-type-options") == "nosniff"
    assert response.field("etag") is None and response.field("last-modified") is None
    response = get(server, "/file.txt", method="DELETE")
    assert (response.status, response.body) == (405, b"own 4xx")
    assert "GET" in response.field("allow")
    assert get(server, "/missing", method="HEAD").field("content-length") == "16"


@pytest.mark.parametrize("target, expected", [
    ("/sniffed", "application/pdf"), ("/unknown.weird", "text/x-weird"), ("/plain/sniffed", "text/x-default"),
    ("/plain/file.txt", "text/plain; charset=utf-8")])
def test_F9_media_types(server, target, expected):
    assert get(server, target).field("content-type").split(";")[0] == expected.split(";")[0]


def test_route_a_hundred_routes_share_one_inotify_instance(tmp_path):
    """There are 128 for a user by default."""
    root = tmp_path / "served"
    root.mkdir()
    (root / "file.txt").write_bytes(b"file")
    routes = "".join(f'[[site.route]]\npath = "/r{n}"\nfiles = {{root = {toml(root)}}}\n' for n in range(100))
    config = tmp_path / "midstream.toml"
    config.write_text('threads = 1\n[[listen]]\naddress = "127.0.0.1:0"\n[[site]]\n' + routes)
    running = ConfiguredServer(config, root)
    try:
        with running.connect() as client:
            for turn in (b"file", b"changed"):
                (root / "new").write_bytes(turn)
                os.rename(root / "new", root / "file.txt")
                for number in range(100):
                    assert client.get(f"/r{number}/file.txt").body == turn
        assert running.fd_kinds()["inotify"] < 10
        assert running.stop() == 0
    finally:
        running.kill()
