"""The access log: one line for each request, in the combined format or as JSON."""
# ctest: label=shared

import datetime
import json
import re

import pytest

from harness.limits import duration, wait_until
from harness.payload import KIB, MIB, payload

COMBINED = re.compile(
    r'(?P<client>\S+) - - \[(?P<time>[^\]]+)\] "(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) (?P<bytes>\d+|-) '
    r'"(?P<referer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)"(?P<more>.*)\Z')

LARGE = payload(20 * MIB, seed="log")
ABORTED_AT_MOST = 16 * MIB


class Log:
    """The lines of a log file that another process writes."""

    def __init__(self, path):
        self._path = path
        self._taken = 0

    def take(self, count=1):
        """Waits for the next lines. The log is written behind the answers, so it may take a moment."""
        lines = wait_until(lambda: self._lines(self._taken + count), f"{count} more lines in the access log")
        assert len(lines) == self._taken + count, f"more lines than requests: {lines[self._taken:]}"
        taken = lines[self._taken:]
        self._taken += count
        return taken

    def _lines(self, enough):
        text = self._path.read_text(errors="surrogateescape") if self._path.exists() else ""
        lines = text.split("\n")[:-1]
        return lines if len(lines) >= enough else None


@pytest.fixture
def logged(launch, tmp_path):
    """A server with a log, and the log: `site, log = logged("json")`."""
    def start(log_format, *arguments):
        path = tmp_path / "access.log"
        site = launch("--access-log", path, "--access-log-format", log_format, *arguments, warm=False)
        site.put("file.txt", b"content")
        return site, Log(path)

    return start


def json_line(log):
    return json.loads(log.take()[0])


# -- combined -------------------------------------------------------------------------------------

def test_access_log_combined_line(logged):
    site, log = logged("combined")
    site.get("/file.txt?a=b", fields=[("Referer", "http://from.test/"), ("User-Agent", "tests/1.0")])
    line = COMBINED.match(log.take()[0])
    assert line["client"] == "127.0.0.1"
    assert line["request"] == "GET /file.txt?a=b HTTP/1.1"
    assert (line["status"], line["bytes"]) == ("200", "7")
    assert (line["referer"], line["agent"]) == ("http://from.test/", "tests/1.0")
    time = datetime.datetime.strptime(line["time"], "%d/%b/%Y:%H:%M:%S %z")
    assert abs(datetime.datetime.now(datetime.timezone.utc) - time) < datetime.timedelta(minutes=5)


def test_access_log_combined_says_dash_for_what_is_absent(logged):
    site, log = logged("combined")
    site.get("/file.txt")
    line = COMBINED.match(log.take()[0])
    assert (line["referer"], line["agent"]) == ("-", "-")


def test_access_log_combined_is_the_default_format(launch, tmp_path):
    path = tmp_path / "access.log"
    site = launch("--access-log", path, warm=False)
    site.get("/missing")
    assert COMBINED.match(Log(path).take()[0])["status"] == "404"


HOSTILE = ['quo"te', "back\\slash", "tab\there", "\xe4\xff", '" 200 1 "-" "forged']


@pytest.mark.parametrize("agent", HOSTILE)
def test_access_log_combined_escapes_what_could_forge_a_line(logged, agent):
    site, log = logged("combined")
    site.get("/file.txt", fields=[("User-Agent", agent), ("Referer", agent)])
    (text,) = log.take()
    line = COMBINED.match(text)
    assert line and (line["status"], line["bytes"]) == ("200", "7"), text
    assert all(character.isprintable() and ord(character) < 127 for character in text), repr(text)


# -- json -----------------------------------------------------------------------------------------

def test_access_log_json_fields(logged):
    site, log = logged("json")
    site.get("/file.txt?a=b", fields=[("Referer", "http://from.test/"), ("User-Agent", "tests/1.0")])
    entry = json_line(log)
    assert entry["method"] == "GET"
    assert entry["target"] == "/file.txt?a=b"
    assert entry["protocol"] == "HTTP/1.1"
    assert entry["client"].split(":")[0] == "127.0.0.1"
    assert (entry["status"], entry["bytes"], entry["end"]) == (200, 7, "complete")
    assert (entry["referer"], entry["user_agent"]) == ("http://from.test/", "tests/1.0")
    time = datetime.datetime.fromisoformat(entry["time"].replace("Z", "+00:00"))
    assert abs(datetime.datetime.now(datetime.timezone.utc) - time) < datetime.timedelta(minutes=5)
    durations = [value for key, value in entry.items() if key.startswith("duration")]
    assert len(durations) == 1 and durations[0] >= 0, entry


@pytest.mark.parametrize("agent", [*HOSTILE, "\xc3\xa4 as UTF-8"])
def test_access_log_json_is_valid_whatever_the_client_sends(logged, agent):
    site, log = logged("json")
    site.get("/file.txt?" + "x%22%5c", fields=[("User-Agent", agent)])
    (text,) = log.take()
    text.encode("utf-8")  # strict: not one byte that is no UTF-8
    entry = json.loads(text)
    assert (entry["status"], entry["bytes"]) == (200, 7)
    if agent.isascii():
        assert entry["user_agent"] == agent


@pytest.mark.parametrize("target, method, fields, status, size", [
    ("/file.txt", "GET", [], 200, 7),
    ("/file.txt", "HEAD", [], 200, 0),
    ("/file.txt", "GET", [("Range", "bytes=1-3")], 206, 3),
    ("/file.txt", "GET", [("If-None-Match", "*")], 304, 0),
    ("/missing", "GET", [], 404, None),
    ("/file.txt", "DELETE", [], 405, None),
    ("/file.txt", "GET", [("Range", "bytes=99-")], 416, None),
    ("/file.txt", "FROBNICATE", [], 501, None),
], ids=["200", "head", "206", "304", "404", "405", "416", "501"])
def test_access_log_status_and_bytes_are_those_of_the_answer(logged, target, method, fields, status, size):
    """`bytes` counts the body."""
    site, log = logged("json")
    response = site.get(target, method, fields)
    entry = json_line(log)
    assert (entry["status"], entry["method"], entry["end"]) == (status, method, "complete")
    assert entry["bytes"] == response.size
    if size is not None:
        assert entry["bytes"] == size


def test_access_log_has_one_line_for_each_of_a_pipeline_in_order(logged):
    site, log = logged("json", "--threads", "1")
    with site.connect() as client:
        for number in range(50):
            client.request(f"/file.txt?{number}")
        for _ in range(50):
            assert client.read_response().status == 200
    assert [json.loads(line)["target"] for line in log.take(50)] == [f"/file.txt?{number}" for number in range(50)]


def test_access_log_of_a_malformed_request(logged):
    site, log = logged("json")
    with site.connect() as client:
        client.send(b"GET /file.txt HTTP/1.1\r\nBad Field: x\r\n\r\n")
        assert client.read_response().status == 400
    assert json_line(log)["status"] == 400


def test_access_log_of_a_client_that_leaves(logged):
    site, log = logged("json")
    site.put("large.bin", LARGE)
    for leave in ("fin", "rst"):
        with site.connect(receive_buffer=32 * KIB) as client:
            client.request("/large.bin")
            client.read_head()
            if leave == "rst":
                client.reset()
        entry = json_line(log)
        assert (entry["status"], entry["end"]) == (200, "client_gone")
        assert 0 < entry["bytes"] < ABORTED_AT_MOST, entry


def test_access_log_of_a_client_that_stalls(logged):
    site, log = logged("json", "--stall-timeout", duration(0.5))
    site.put("large.bin", LARGE)
    with site.connect(receive_buffer=32 * KIB) as client:
        client.request("/large.bin")
        client.read_head()
        entry = json_line(log)
    assert (entry["status"], entry["end"]) == (200, "stalled")
    assert 0 < entry["bytes"] < ABORTED_AT_MOST, entry


def test_access_log_of_a_growing_file(logged):
    site, log = logged("json")
    with site.grow("growing.log") as growing, site.connect() as client:
        client.request("/growing.log")
        response = client.read_head()
        growing.append(payload(100_000))
        growing.close()
        client.read_rest(response)
    entry = json_line(log)
    assert (entry["status"], entry["bytes"], entry["end"]) == (200, 100_000, "complete")


def test_access_log_of_a_growing_file_that_fails(logged):
    site, log = logged("json")
    with site.grow("growing.log") as growing, site.connect() as client:
        growing.append(b"x" * 5000)
        client.request("/growing.log")
        response = client.read_head()
        client.read_size(response, 5000)
        growing.truncate(0)
        client.read_rest(response)
    entry = json_line(log)
    assert (entry["status"], entry["bytes"], entry["end"]) == (200, 5000, "source_failed")


def test_access_log_of_a_reader_that_leaves_while_it_waits(logged):
    site, log = logged("json")
    with site.grow("growing.log") as growing:
        growing.append(b"x" * 5000)
        with site.connect() as client:
            client.request("/growing.log")
            client.read_size(client.read_head(), 5000)
        entry = json_line(log)  # while the file still grows
    assert (entry["status"], entry["bytes"], entry["end"]) == (200, 5000, "client_gone")


def test_access_log_of_a_truncated_plain_file(logged):
    site, log = logged("json")
    path = site.put("large.bin", LARGE)
    with site.connect(receive_buffer=32 * KIB) as client:
        client.request("/large.bin")
        response = client.read_head(keep_body=False)
        with open(path, "r+b") as file:
            file.truncate(0)
        client.read_rest(response)
    entry = json_line(log)
    assert (entry["status"], entry["end"]) == (200, "source_failed")
    assert entry["bytes"] < len(LARGE)


# -- where it goes --------------------------------------------------------------------------------

def test_access_log_to_standard_output(launch):
    site = launch("--access-log", "-", warm=False)
    site.get("/missing")
    site.stdout.wait(lambda lines: any(COMBINED.match(line) for line in lines), "no line on standard output")


def test_access_log_is_off_when_told_so(launch):
    site = launch("--access-log", "off", warm=False)
    site.get("/missing")
    assert site.stop() == 0
    assert len(site.stdout.all()) == 1
    assert not any(COMBINED.match(line) for line in site.stderr.all())


def test_access_log_is_whole_after_a_stop(logged):
    """Nothing that was logged is lost when the server ends."""
    site, log = logged("json")
    with site.connect() as client:
        for number in range(500):
            assert client.get(f"/file.txt?{number}").status == 200
    assert site.stop() == 0
    assert [json.loads(line)["target"] for line in log.take(500)] == [f"/file.txt?{number}" for number in range(500)]


def test_access_log_is_appended_to(logged, tmp_path):
    (tmp_path / "access.log").write_text("what was there\n")
    site, log = logged("combined")
    site.get("/missing")
    first, second = log.take(2)
    assert first == "what was there" and COMBINED.match(second)
