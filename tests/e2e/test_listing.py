"""F4, L12: the listing of a directory over HTTP, as a page and as JSON."""

import base64
import hashlib
import html.parser
import json
import os
import re
import urllib.parse

import pytest

from harness.message import COMPLETE

JSON = [("Accept", "application/json")]
HTML = [("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")]  # a browser's
TIME = 1795285096  # 2026-11-21T18:18:16Z

# Bytes, because a name need not be UTF-8.
HOSTILE_NAMES = [name.encode() for name in (
    '"quoted"', "it's", "<script>alert(1)", "<img src=x onerror=alert(1)>", "a&amp;b", "a&b", "que?ry", "ha#sh",
    "co:lon", "javascript:alert(1)", "per%cent", "per%41cent", "back\\slash", "blank s", " around ", "tab less",
    "umläut", "日本語", "📦.box", "\u202egpj.exe", "plus+plus", "semi;colon", "com,ma", "{brace}", "`tick`", "https:",
    "--", "~", "a|b", "*", "index.htm")] + [b"latin-\xe4", b"\xff\xfe", b"cut-\xe2\x82"]


@pytest.fixture(scope="module", autouse=True)
def tree(server):
    for name in HOSTILE_NAMES:
        # os.fsdecode: names that are not UTF-8 pass through Python as surrogates.
        server.put(os.fsdecode(b"hostile/" + name), b"content of " + name, TIME)
    for name, size, time in (("B2", 10, 3), ("a10", 300, 1), ("a9", 20, 2), ("c", 20, 2)):
        server.put(f"order/{name}", b"x" * size, TIME + time)
    for name, time in (("dir9", 5), ("dir10", 1)):
        os.makedirs(server.path(f"order/{name}"))
        os.utime(server.path(f"order/{name}"), (TIME + time, TIME + time))
    server.put("hidden/shown", b"")
    server.put("hidden/.dot", b"")
    server.put("hidden/.directory/file", b"")
    server.put("deep/one two/three/file", b"")


def listed(site, target, fields=()):
    response = site.get(target, fields=JSON + list(fields))
    assert (response.status, response.ending) == (200, COMPLETE)
    return json.loads(response.body)


def names(site, target):
    return [entry["name"] + "/" * (entry["type"] == "directory") for entry in listed(site, target)["entries"]]


class Page(html.parser.HTMLParser):
    """What a browser would make of the page: links with their texts, and the elements that are there."""

    def __init__(self, text):
        super().__init__()
        self.links, self.texts, self.tags = [], [], set()
        self._open = False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        assert not any(name.startswith("on") for name, _ in attributes), attributes
        self._open = tag == "a"
        if self._open:
            self.links.append(dict(attributes)["href"])
            self.texts.append("")

    def handle_endtag(self, tag):
        self._open = self._open and tag != "a"

    def handle_data(self, data):
        if self._open:
            self.texts[-1] += data


# --- which form


@pytest.mark.parametrize("accept, media_type", [
    (None, "text/html; charset=utf-8"), ("*/*", "text/html; charset=utf-8"), (HTML[0][1], "text/html; charset=utf-8"),
    ("text/html, application/json", "text/html; charset=utf-8"), ("text/plain", "text/html; charset=utf-8"),
    ("application/json", "application/json"), ("application/*", "application/json"),
    ("application/json, text/html;q=0.9", "application/json"), ("application/json, */*;q=0.1", "application/json"),
    ("application/json;q=0.5, text/html", "text/html; charset=utf-8"), ("text/html;q=0, */*", "application/json"),
])
def test_F4_accept_chooses_between_page_and_json(site, accept, media_type):
    response = site.get("/order/", fields=[("Accept", accept)] if accept else [])
    assert (response.status, response.field("content-type")) == (200, media_type)
    assert response.field("vary") == "Accept"
    assert response.field("cache-control") == "no-cache"
    assert response.field("x-content-type-options") == "nosniff"
    assert response.field("last-modified") is None
    assert re.fullmatch('"[0-9a-f]{32}"', response.field("etag"))


@pytest.mark.parametrize("accept", [JSON, HTML], ids=["json", "html"])
def test_F4_head_has_the_fields_of_get(site, accept):
    get = site.get("/order/", fields=accept)
    head = site.get("/order/", method="HEAD", fields=accept)
    assert [one for one in head.fields if one[0] != "Date"] == [one for one in get.fields if one[0] != "Date"]
    assert head.body == b"" and get.length == len(get.body)


# --- its own tag


@pytest.mark.parametrize("accept", [JSON, HTML], ids=["json", "html"])
def test_F4_an_unchanged_listing_is_not_sent_again(site, accept):
    first = site.get("/order/", fields=accept)
    tag = first.field("etag")
    again = site.get("/order/", fields=[*accept, ("If-None-Match", f'"other", W/{tag}')])
    assert (again.status, again.body) == (304, b"")
    for name in ("etag", "vary", "cache-control"):
        assert again.field(name) == first.field(name)
    assert again.field("content-type") is None
    assert site.get("/order/", fields=[*accept, ("If-None-Match", '"other"')]).sha256 == first.sha256
    assert site.get("/order/", fields=[*accept, ("If-Match", '"other"')]).status == 412


def test_F4_page_json_and_order_have_tags_of_their_own(site):
    tags = [site.get(target, fields=accept).field("etag")
            for target, accept in (("/order/", HTML), ("/order/", JSON), ("/order/?sort=size", HTML),
                                   ("/order/?sort=size", JSON))]
    assert len(set(tags)) == 4
    assert site.get("/order/?sort=name&order=asc", fields=JSON).field("etag") == tags[1], "the same bytes"


def test_F4_the_tag_changes_with_the_directory(site):
    site.put("changing/file", b"1", TIME)
    tag = site.get("/changing/", fields=JSON).field("etag")
    condition = [*JSON, ("If-None-Match", tag)]
    assert site.get("/changing/", fields=condition).status == 304
    site.put("changing/file", b"12", TIME)
    changed = site.get("/changing/", fields=condition)
    assert (changed.status, json.loads(changed.body)["entries"][0]["size"]) == (200, 2)
    os.unlink(site.path("changing/file"))
    assert json.loads(site.get("/changing/", fields=condition).body)["entries"] == []
    site.put("changing/file", b"1", TIME)
    assert site.get("/changing/", fields=condition).status == 304, "as it was"


# --- what is in it


def test_F4_json_says_what_is_there(site):
    assert listed(site, "/order/?sort=name") == {"path": "/order/", "entries": [
        {"name": "dir9", "href": "dir9/", "type": "directory", "modified": "2026-11-21T18:18:21Z"},
        {"name": "dir10", "href": "dir10/", "type": "directory", "modified": "2026-11-21T18:18:17Z"},
        {"name": "a9", "href": "a9", "type": "file", "size": 20, "modified": "2026-11-21T18:18:18Z", "growing": False},
        {"name": "a10", "href": "a10", "type": "file", "size": 300, "modified": "2026-11-21T18:18:17Z",
         "growing": False},
        {"name": "B2", "href": "B2", "type": "file", "size": 10, "modified": "2026-11-21T18:18:19Z", "growing": False},
        {"name": "c", "href": "c", "type": "file", "size": 20, "modified": "2026-11-21T18:18:18Z", "growing": False}]}


@pytest.mark.parametrize("query, expected", [
    ("", "dir9/ dir10/ a9 a10 B2 c"), ("?sort=name&order=desc", "dir10/ dir9/ c B2 a10 a9"),
    ("?sort=size", "dir9/ dir10/ a10 a9 c B2"), ("?sort=size&order=asc", "dir9/ dir10/ B2 a9 c a10"),
    ("?sort=time&order=desc", "dir9/ dir10/ B2 a9 c a10"), ("?sort=time&order=asc", "dir10/ dir9/ a10 a9 c B2"),
    ("?sort=weight&order=sideways&live", "dir9/ dir10/ a9 a10 B2 c"),
])
def test_F4_the_query_sorts_both_forms(site, query, expected):
    assert names(site, "/order/" + query) == expected.split()
    page = Page(site.get("/order/" + query, fields=HTML).body.decode())
    assert page.texts[-6:] == expected.split()


def test_F4_dot_files_are_left_out(site):
    assert names(site, "/hidden/") == ["shown"]
    assert b".d" not in re.sub(rb"<(style|script)>.*?</\1>", b"", site.get("/hidden/", fields=HTML).body, flags=re.S)


def test_F4_the_path_leads_up_step_by_step(site):
    target = "/deep/one%20two/three/"
    page = Page(site.get(target, fields=HTML).body.decode())
    base = "http://midstream.test" + target
    ways = {text: urllib.parse.urljoin(base, href).removeprefix("http://midstream.test")
            for href, text in zip(page.links, page.texts)}
    assert ways["Top"] == "/" and ways["deep"] == "/deep/" and ways["one two"] == "/deep/one%20two/"
    assert ways["three"] == target and ways["Parent folder"] == "/deep/one%20two/"
    assert "Parent folder" not in Page(site.get("/", fields=HTML).body.decode()).texts


def test_F4_every_link_of_json_leads_to_its_file(site):
    entries = listed(site, "/hostile/")["entries"]
    assert {urllib.parse.unquote_to_bytes(entry["href"]) for entry in entries} == set(HOSTILE_NAMES)
    for entry in entries:
        name = urllib.parse.unquote_to_bytes(entry["href"])
        assert re.fullmatch(r"[A-Za-z0-9._~%-]+", entry["href"])
        assert entry["name"] == name.decode("utf-8", "replace")
        assert site.get("/hostile/" + entry["href"]).body == b"content of " + name


def test_F4_the_page_shows_every_name_as_text_and_links_it(site):
    text = site.get("/hostile/", fields=HTML).body.decode("utf-8")  # strict: the page is UTF-8
    page = Page(text)
    rows = dict(zip(page.links, page.texts))
    for name in HOSTILE_NAMES:
        href = urllib.parse.quote(name, safe="~")
        assert rows[href] == name.decode("utf-8", "replace")
        url = urllib.parse.urljoin("http://midstream.test/hostile/", href)
        assert urllib.parse.urlsplit(url)[:3] == ("http", "midstream.test", "/hostile/" + href)
    assert page.tags <= set("html head meta link title style body header h1 nav ol li a p input main table thead tr th "
                            "small tbody td data time script".split())
    assert len(re.findall("<script", text)) == 1 and "<img" not in text


@pytest.mark.parametrize("target", ["/%3Cscript%3Ealert(1)/", "/%22%3E%3Cimg%20src=x%3E/", "/%ff'&/"])
def test_F4_a_hostile_directory_stays_text(site, target):
    os.makedirs(os.fsencode(site.root) + urllib.parse.unquote_to_bytes(target), exist_ok=True)
    page = Page(site.get(target, fields=HTML).body.decode())
    shown = urllib.parse.unquote_to_bytes(target).decode("utf-8", "replace")
    assert page.texts[1] == shown.strip("/") and "img" not in page.tags
    assert listed(site, target) == {"path": shown, "entries": []}


def test_F4_ten_thousand_entries(site):
    os.makedirs(site.path("many"))
    for number in range(10_000):
        with open(site.path(f"many/{number}.txt"), "wb"):
            pass
    assert names(site, "/many/") == [f"{number}.txt" for number in range(10_000)]
    assert Page(site.get("/many/", fields=HTML).body.decode()).texts[-10_000:] == names(site, "/many/")


def test_F4_symlinks_are_listed_where_they_are_served(site):
    site.put("links/target/file", b"four")
    for link, target in {"near": "target/file", "folder": "../links/target", "outside": "/etc/passwd",
                         "dangling": "nowhere"}.items():
        os.symlink(target, site.path(f"links/{link}"))
    assert names(site, "/links/") == ["folder/", "target/", "near"]
    for name in names(site, "/links/"):
        assert site.get(f"/links/{name}").status == 200


# --- growing files


def test_L12_a_growing_file_is_marked_with_the_bytes_so_far(site):
    os.makedirs(site.path("growing"), exist_ok=True)
    with site.grow("growing/live.log") as growing:
        growing.append(b"x" * 1536)
        [entry] = listed(site, "/growing/")["entries"]
        assert (entry["size"], entry["growing"]) == (1536, True)
        assert b"1.5 KiB" in site.get("/growing/", fields=HTML).body
        tag = site.get("/growing/", fields=JSON).field("etag")
        assert b'<span class="growing">' in site.get("/growing/", fields=HTML).body
        assert site.get("/growing/", fields=[*JSON, ("If-None-Match", tag)]).status == 304
        growing.append(b"x")
        assert listed(site, "/growing/")["entries"][0]["size"] == 1537
    changed = site.get("/growing/", fields=[*JSON, ("If-None-Match", tag)])
    assert changed.status == 200
    [entry] = json.loads(changed.body)["entries"]
    assert (entry["size"], entry["growing"]) == (1537, False)
    assert b'<span class="growing">' not in site.get("/growing/", fields=HTML).body


def test_L12_without_following_nothing_is_marked(launch):
    site = launch("--follow=never")
    with site.grow("live.log"):
        assert [entry["growing"] for entry in listed(site, "/")["entries"]] == [False]


# --- what the page may do


def test_F4_the_policy_allows_just_the_script_and_the_style_of_the_page(site):
    response = site.get("/hostile/", fields=HTML)
    policy = dict(part.strip().split(" ", 1) for part in response.field("content-security-policy").split(";"))
    for element, directive in (("script", "script-src"), ("style", "style-src")):
        [text] = re.findall(f"<{element}>(.*?)</{element}>".encode(), response.body, re.S)
        digest = base64.b64encode(hashlib.sha256(text).digest()).decode()
        assert policy[directive] == f"'sha256-{digest}'"
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["connect-src"] == "'self'" and policy["img-src"] == "data:"
    assert site.get("/hostile/", fields=[*HTML, ("If-None-Match", response.field("etag"))]).field(
        "content-security-policy") == response.field("content-security-policy")


def test_F4_the_page_needs_nothing_from_elsewhere(site):
    page = site.get("/order/", fields=HTML).body.decode()
    assert set(re.findall(r"\w+://[^\s'\"<>]+", page)) == {"http://www.w3.org/2000/svg"}, "the name of SVG, no address"
    assert not re.search(r"\ssrc\s*=|@import|url\((?!\"data:)", page)
