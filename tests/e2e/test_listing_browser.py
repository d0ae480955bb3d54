"""F4, L12: the listing as a page in Chromium.

MIDSTREAM_SCREENSHOTS=docs/images makes the pictures of docs/listing.md as well.
"""

import json
import os
import re

import pytest

from harness import browser as browsers
from harness.limits import observe
from harness.message import COMPLETE

pytestmark = [pytest.mark.skipif(browsers.missing() is not None, reason=str(browsers.missing())),
              pytest.mark.bound(120)]

TIME = 1795285096  # 2026-11-21T18:18:16Z
JSON = [("Accept", "application/json")]
NAMES = "#entries tr:not([hidden]) a"
HOSTILE_NAMES = ["<img src=x onerror=alert(1)>", "<script>alert(1)", '"onmouseover="alert(1)',
                 "'><svg onload=alert(1)>", "javascript:alert(1)", "que?ry", "ha#sh", "per%41cent", "co:lon", "&lt;b&gt;", "${alert(1)}", "`tick`",
                 "  two  blanks  ", "umläut", "日本語", "\u202egpj.exe", os.fsdecode(b"latin-\xe4")]


@pytest.fixture(scope="module", autouse=True)
def tree(server):
    for name, size, time in (("B2", 1280, 3), ("a10", 300_000, 1), ("a9", 20, 2), ("c", 20, 2), ("v1.10", 5, 9),
                             ("v1.9", 5, 8), ("007", 0, 7), ("8", 1, 7), ("_x", 1023, 7), ("zz-é", 1047552, 6)):
        server.put(f"order/{name}", b"x" * size, TIME + time)
    for name, time in (("dir9", 5), ("dir10", 1)):
        os.makedirs(server.path(f"order/{name}"))
        os.utime(server.path(f"order/{name}"), (TIME + time, TIME + time))
    for name in HOSTILE_NAMES:
        server.put(f"hostile/{name}", b"content of " + os.fsencode(name), TIME)
    server.put("long/" + "unbroken" * 30, b"x" * 5000, TIME)
    server.put("long/" + " ".join(["words"] * 40), b"x", TIME)
    os.makedirs(server.path("empty"))


@pytest.fixture(scope="module")
def window(server):
    running = browsers.Browser("http://{}:{}".format(*server.address))
    yield running
    running.quit()


@pytest.fixture
def browser(window):
    """The module's browser for one test. No page may put anything into the console."""
    yield window
    window.open("/empty/")
    assert window.text("#summary") == "0 files", "still in its right mind"


def server_order(server, target):
    response = server.get(target, fields=JSON)
    assert response.ending == COMPLETE
    return [entry["name"] + "/" * (entry["type"] == "directory") for entry in json.loads(response.body)["entries"]]


def sorted_by(browser):
    """What the headings say: (column, direction)."""
    return browser.script("""const th = document.querySelector("th[aria-sort]");
        return [th.textContent, th.getAttribute("aria-sort")]""")


def asked(browser):
    """How often the page has asked for news."""
    return browser.script("""const all = performance.getEntriesByType("resource");
        return all.filter((one) => one.name.endsWith("?live")).length""")


# --- sorting


CLICKS = [("Size", "sort=size&order=desc"), ("Size", "sort=size&order=asc"), ("Modified", "sort=time&order=desc"),
          ("Modified", "sort=time&order=asc"), ("Name", "sort=name&order=asc"), ("Name", "sort=name&order=desc")]


def test_F4_a_click_on_a_heading_sorts_without_a_reload(server, browser):
    browser.open("/order/")
    browser.script("window.here = true")
    assert browser.texts(NAMES) == server_order(server, "/order/")
    for title, query in CLICKS:
        column = ["Name", "Size", "Modified"].index(title) + 1
        browser.find(f"thead th:nth-child({column}) button").click()
        assert browser.texts(NAMES) == server_order(server, "/order/?" + query), query
        direction = "descending" if query.endswith("desc") else "ascending"
        assert sorted_by(browser) == [title, direction]
        assert browser.text("#status") == f"Sorted by {'time' if title == 'Modified' else title.lower()}, {direction}"
        assert browser.driver.current_url.endswith("/order/?" + query), "so that a reload keeps it"
    assert browser.script("return window.here"), "the page was loaded again"
    browser.driver.refresh()
    assert sorted_by(browser) == ["Name", "descending"]
    assert browser.console() == []


def test_F4_the_keyboard_sorts_and_opens(server, browser):
    browser.open("/order/")
    seen = []
    while browser.focused() != "Size":
        browser.press("TAB")
        seen.append(browser.focused())
        assert len(seen) < 20, seen
    browser.press("SPACE")
    assert sorted_by(browser) == ["Size", "descending"] and browser.focused() == "Size"
    browser.press("ENTER")
    assert sorted_by(browser) == ["Size", "ascending"] and browser.focused() == "Size"
    ring = browser.script("return getComputedStyle(document.activeElement).outlineStyle")
    assert ring == "solid", "what has the focus is seen"
    browser.press("TAB")
    browser.press("TAB")
    assert browser.focused() == "Parent folder"
    browser.press("TAB")
    assert browser.focused() == "dir9/"
    browser.press("ENTER")
    browser.wait(lambda: browser.driver.current_url.endswith("/order/dir9/"), "the folder does not open")


def test_F4_typing_a_slash_filters(browser):
    browser.open("/order/")
    browser.press("/")
    browser.press("V1")
    assert browser.texts(NAMES) == ["v1.9", "v1.10"]
    assert browser.text("#summary") == browser.text("#status") == "2 of 12 shown"
    browser.press("ESCAPE")
    assert len(browser.texts(NAMES)) == 12
    assert browser.text("#summary") == "2 folders, 10 files, 1.3 MiB"
    browser.press("dir10")
    browser.press("ENTER")
    browser.wait(lambda: browser.driver.current_url.endswith("/order/dir10/"), "the only match does not open")
    assert browser.console() == []


# --- how it looks


def luminance(color):
    parts = [float(part) / 255 for part in re.findall(r"[\d.]+", color)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)  # WCAG 2.2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_F4_light_and_dark_are_both_readable(server, browser, scheme):
    with server.grow("long/live"):
        browser.open("/long/", scheme=scheme)

        def color(selector, what="color"):
            return browser.script("""const element = document.querySelector(arguments[0]);
                return getComputedStyle(element)[arguments[1]]""", selector, what)

        page, card = color("body", "backgroundColor"), color("main", "backgroundColor")
        assert (luminance(page) < 0.1) == (scheme == "dark")
        pairs = [(color("#summary"), page), (color("nav a"), page), (color("tbody a"), card), (color("td"), card),
                 (color("thead button"), card), (color(".growing"), color(".growing", "backgroundColor"))]
        assert all(contrast(*pair) >= 4.5 for pair in pairs), pairs
    os.unlink(server.path("long/live"))


@pytest.mark.parametrize("target", ["/long/", "/order/", "/hostile/"])
@pytest.mark.parametrize("width", [360, 641])
def test_F4_nothing_is_wider_than_a_narrow_window(browser, target, width):
    browser.open(target, width=width)
    assert browser.script("return document.documentElement.scrollWidth") == width
    # Every cell is inside the window, and the name has the most of it.
    cells = browser.script("""return [...document.querySelectorAll("td:not(:empty), tbody th")].map((cell) =>
        { const box = cell.getBoundingClientRect(); return [box.left, box.right, box.height]; })""")
    assert all(left >= 0 and right <= width and height > 0 for left, right, height in cells)


def test_F4_times_are_in_the_zone_of_the_reader(browser):
    browser.open("/order/?sort=name", zone="America/New_York")
    assert browser.texts("#entries time")[0] == "2026-11-21 13:18"
    assert "UTC" not in browser.text("thead")
    browser.open("/order/?sort=name", zone="Asia/Kolkata")
    assert browser.texts("#entries time")[0] == "2026-11-21 23:48"


# --- without scripts


def test_F4_without_scripts_the_server_sorts(server, browser):
    browser.open("/order/", scripts=False)
    assert browser.texts(NAMES) == server_order(server, "/order/")
    assert browser.texts("#entries time")[0] == "2026-11-21 18:18" and "UTC" in browser.text("thead")
    assert not browser.find("#filter").is_displayed(), "what cannot work is not shown"
    for title, query in CLICKS:
        column = ["Name", "Size", "Modified"].index(title) + 1
        browser.find(f"thead th:nth-child({column}) a").click()
        browser.wait(lambda: browser.driver.current_url.endswith("/order/?" + query), f"no way to {query}")
        assert browser.texts(NAMES) == server_order(server, "/order/?" + query)
    assert browser.console() == []


# --- hostile names


def test_F4_hostile_names_do_nothing(browser):
    browser.open("/hostile/")
    shown = [os.fsencode(name).decode("utf-8", "replace") for name in HOSTILE_NAMES]
    assert sorted(browser.texts(NAMES)) == sorted(shown)
    assert browser.script("return document.querySelectorAll('img, svg, iframe, script:not(:last-child)').length") == 0
    # A link leads to its file: as the browser resolves it, and so does a click.
    contents = browser.driver.execute_async_script("""
        const done = arguments[0], links = [...document.querySelectorAll("#entries a")];
        Promise.all(links.map((link) => fetch(link.href).then((answer) => answer.arrayBuffer())))
            .then((all) => done(all.map((bytes) => [...new Uint8Array(bytes)])));""")
    assert sorted(map(bytes, contents)) == sorted(b"content of " + os.fsencode(name) for name in HOSTILE_NAMES)
    assert browser.console() == [], "no alert, and nothing for the policy to stop"


def test_F4_the_policy_stops_what_is_not_of_the_page(browser):
    browser.open("/order/")
    browser.script("""window.stopped = [];
        document.addEventListener("securitypolicyviolation", (event) => stopped.push(event.effectiveDirective));
        const script = document.createElement("script"), style = document.createElement("style");
        try { script.textContent = "window.hostile = true"; } catch {}
        style.textContent = "body { display: none }";
        document.body.append(script, style);
        try { document.body.insertAdjacentHTML("beforeend", "<b onclick='x()'>"); } catch {}""")
    browser.wait(lambda: browser.script("return stopped.length") >= 3, "the policy does not speak up")
    assert set(browser.script("return stopped")) >= {"style-src-elem", "require-trusted-types-for"}
    assert browser.script("return [window.hostile ?? null, document.querySelector('b')]") == [None, None]
    assert browser.console() != []


# --- growing files


def test_L12_the_mark_and_the_size_follow_the_writer(server, browser):
    os.makedirs(server.path("growing"), exist_ok=True)
    with server.grow("growing/live.log") as growing:
        growing.append(b"x" * 1000)
        browser.open("/growing/")
        browser.script("window.here = true")
        row = "#entries tr:nth-child(1) "
        assert browser.texts(row + ".growing") == [" growing"] and browser.text(row + "data") == "1000 B"
        growing.append(b"x" * 536)
        browser.wait(lambda: browser.text(row + "data") == "1.5 KiB", "the size does not follow")
        assert browser.find(row + "data").get_attribute("value") == "1536"
        with server.grow("growing/another"):
            browser.wait(lambda: browser.texts(NAMES) == ["another", "live.log"], "the new file does not appear")
            assert browser.texts(".growing") == [" growing", " growing"]
        os.unlink(server.path("growing/another"))
        browser.wait(lambda: browser.texts(NAMES) == ["live.log"], "the file does not go away")
        growing.append(b"x")
    browser.wait(lambda: browser.texts(".growing") == [], "the mark does not go away")
    assert browser.find("#status").get_attribute("aria-live") == "polite"
    assert browser.text("#status") == "live.log is complete, 1.5 KiB"
    assert browser.find(row + "data").get_attribute("value") == "1537", "the last byte counts"
    assert browser.script("return window.here"), "the page was loaded again"
    before = asked(browser)
    observe(2.5)
    assert asked(browser) == before, "nothing grows, so nothing is asked"
    assert browser.console() == []


def test_L12_sizes_and_rows_made_by_the_script_are_those_of_the_server(server, browser):
    sizes = [1, 1023, 1024, 1075, 1076, 1280, 102348, 102349, 1023 * 1024 + 511, 1023 * 1024 + 512, 5 << 29, 1 << 42]
    os.makedirs(server.path("sizes"), exist_ok=True)
    with server.grow("sizes/first"):
        browser.open("/sizes/")
        writers = []
        try:
            for number, size in enumerate(sizes):
                writers.append(server.grow(f"sizes/{number}"))
                writers[-1].truncate(size)
            os.makedirs(server.path("sizes/folder"))
            browser.wait(lambda: len(browser.texts(NAMES)) == len(sizes) + 2, "the new files do not appear")
            outline = "return document.getElementById('entries').innerText"
            browser.wait(lambda: browser.texts("data")[1:-1] and browser.texts("data")[-2] == "4.0 TiB", "no sizes")
            made = browser.script(outline)
            browser.open("/sizes/")
            assert browser.script(outline) == made
        finally:
            for writer in writers:
                writer.close()


def test_L12_an_update_keeps_focus_order_and_filter(server, browser):
    os.makedirs(server.path("kept"), exist_ok=True)
    server.put("kept/small.txt", b"x" * 10, TIME)
    server.put("kept/big.txt", b"x" * 1000, TIME)
    server.put("kept/other", b"x" * 100, TIME)
    with server.grow("kept/live.txt") as growing:
        browser.open("/kept/?sort=size")
        assert browser.texts(NAMES) == ["big.txt", "other", "small.txt", "live.txt"]
        browser.find("#filter").send_keys("txt")
        browser.script("document.querySelector(\"[href='live.txt']\").focus()")
        growing.append(b"x" * 500)
        browser.wait(lambda: browser.texts(NAMES) == ["big.txt", "live.txt", "small.txt"], "it does not move up")
        assert browser.focused() == "live.txt"
        growing.append(b"x" * 1000)
        browser.wait(lambda: browser.texts(NAMES)[0] == "live.txt", "it does not move up")
        assert browser.focused() == "live.txt"
        os.unlink(server.path("kept/live.txt"))
        browser.wait(lambda: "live.txt" not in browser.texts(NAMES), "it does not go away")
        assert browser.focused() == "big.txt", "the focus stays near"
    assert browser.console() == []


def test_L12_a_hidden_page_does_not_ask(server, browser):
    os.makedirs(server.path("unseen"), exist_ok=True)
    with server.grow("unseen/live") as growing:
        browser.open("/unseen/")
        browser.wait(lambda: asked(browser) > 0, "the page does not ask")
        browser.script("""Object.defineProperty(document, "hidden", { value: true, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"))""")
        observe(1)  # an answer may be on its way
        before = asked(browser)
        observe(2.5)
        assert asked(browser) == before
        growing.append(b"x" * 77)
        browser.script("""delete document.hidden; document.dispatchEvent(new Event("visibilitychange"))""")
        browser.wait(lambda: browser.texts("data") == ["77 B"], "the page does not go on")


# --- pictures


def demo(server):
    files = [("midstream-1.10.0.tar.zst", 3_481_600, 40), ("midstream-1.10.0.tar.zst.sig", 566, 40),
             ("midstream-1.9.2.tar.zst", 3_402_112, 9000), ("midstream-1.9.2.tar.zst.sig", 566, 9000),
             ("CHANGES.md", 18_240, 45), ("SHA256SUMS", 412, 39), ("debian-live-12.7.iso", 3_326_083_072, 70_000)]
    for name, size, minutes in files:
        path = server.put(f"pub/releases/{name}")
        os.truncate(path, size)
        os.utime(path, (TIME - 60 * minutes,) * 2)
    for name, minutes in (("nightly", 300), ("archive", 400_000)):
        os.makedirs(server.path(f"pub/releases/{name}"))
        os.utime(server.path(f"pub/releases/{name}"), (TIME - 60 * minutes,) * 2)


@pytest.mark.skipif("MIDSTREAM_SCREENSHOTS" not in os.environ, reason="MIDSTREAM_SCREENSHOTS names no directory")
def test_F4_pictures(server, browser):
    demo(server)
    with server.grow("pub/releases/camera-1.mp4") as growing:
        growing.truncate(734_003_200)
        for name, scheme, width, height in (("light", "light", 1000, 690), ("dark", "dark", 1000, 690),
                                            ("narrow", "light", 360, 860)):
            browser.open("/pub/releases/", scheme=scheme, width=width)
            browser.resize(width, height)
            browser.screenshot(os.path.join(os.environ["MIDSTREAM_SCREENSHOTS"], f"listing-{name}.png"))
