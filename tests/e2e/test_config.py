"""The configuration file: `midstream check`, `midstream run`, `midstream serve --print-config`."""

import os
import signal
import subprocess

import pytest

from harness.configured import ConfiguredServer
from harness.limits import limit
from harness.server import Server, binary, run

SITE = """
[[listen]]
address = "127.0.0.1:0"

[[site]]

[[site.route]]
path = "/"
files = {root = "www", listing = true}
"""


@pytest.fixture
def place(tmp_path):
    """A directory with a configuration, conf/site.toml, and what it serves, conf/www."""
    (tmp_path / "conf" / "www").mkdir(parents=True)
    (tmp_path / "conf" / "www" / "file.txt").write_bytes(b"content")
    return tmp_path / "conf"


@pytest.fixture
def start(place):
    """Starts `midstream run` with a text as its configuration. Ended with the test."""
    running = []

    def started(text, *arguments, **options):
        config = place / "site.toml"
        config.write_text(text)
        server = ConfiguredServer(config, place / "www", *arguments, **options)
        running.append(server)
        return server

    yield started
    for server in running:
        try:
            if server.alive:
                assert server.stop() == 0
            assert not server.error_lines(), server.error_lines()
        finally:
            server.kill()


def write(place, text):
    path = place / "site.toml"
    path.write_text(text)
    return str(path)


# -- check ----------------------------------------------------------------------------------------


def test_config_check_of_a_right_file_says_ok(place):
    config = write(place, SITE)
    result = run("check", "--config", config)
    assert (result.returncode, result.stdout, result.stderr) == (0, f"{config}: ok\n", "")


def test_config_check_tells_everything_that_is_wrong_with_its_place(place):
    config = write(place, """threads = 0
[limit]
grace = "5s"
[[listen]]
address = "127.0.0.1:70000"
[[site]]
hosts = ["example.org", 7]
[[site.route]]
files = {root = "gone", precompressed = ["gz"]}
""")
    result = run("check", "--config", config)
    assert (result.returncode, result.stdout) == (2, "")
    lines = result.stderr.splitlines()
    begins = ["1:11: ", "2:2: ", "5:11: ", "7:25: ", "9:17: ", "9:42: "]
    assert [line.startswith(f"{config}:{begin}") for line, begin in zip(lines, begins)] == [True] * 6, lines
    assert len(lines) == 6, lines
    assert 'did you mean "limits"?' in lines[1] and 'did you mean "gzip"?' in lines[5]
    assert str(place / "gone") in lines[4]


def test_config_check_of_what_is_not_toml_has_a_place(place):
    config = write(place, "threads = 1\n[[site]\n")
    result = run("check", "--config", config)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"{config}:2:8: not TOML: ") and result.stderr.count("\n") == 1, result.stderr


def test_config_check_starts_nothing_and_leaves_nothing(place):
    config = write(place, SITE.replace("127.0.0.1:0", "unix:socket") + '[access_log]\nfile = "access.log"\n')
    result = run("check", "--config", config)
    assert result.returncode == 0, result
    assert sorted(os.listdir(place)) == ["site.toml", "www"]


@pytest.mark.parametrize("command", ["check", "run"])
def test_config_a_file_that_is_missing_is_2(command, place):
    missing = str(place / "missing.toml")
    result = run(command, "--config", missing)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"{missing}: cannot be read: No such file or directory\n"


@pytest.mark.parametrize("command", ["check", "run"])
def test_config_the_default_file_is_in_etc(command):
    if os.path.exists("/etc/midstream/midstream.toml"):
        pytest.skip("there is one")
    result = run(command)
    assert result.returncode == 2 and result.stderr.startswith("/etc/midstream/midstream.toml: "), result


# -- run ------------------------------------------------------------------------------------------


def test_config_run_serves_what_the_file_says(start):
    server = start(SITE)
    assert server.get("/file.txt").body == b"content"
    assert server.get("/").status == 200, "the listing"
    assert server.stop() == 0


def test_config_run_refuses_a_wrong_file_as_check_does(place):
    config = write(place, SITE + "threads = 1\n")
    checked = run("check", "--config", config)
    ran = run("run", "--config", config)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == checked.stderr != ""


def test_config_paths_are_relative_to_the_file_and_not_to_the_shell(place):
    config = write(place, SITE)
    result = run("check", "--config", os.path.relpath(config))
    assert result.returncode == 0, result


def test_config_run_takes_hosts_routes_answers_and_redirects(start, place):
    (place / "www" / "404.html").write_text("<p>lost")
    server = start(SITE.replace("[[site]]\n", """[[site]]
hosts = ["example.org"]
error_pages = {404 = "www/404.html"}
headers = {set = {X-Site = "one"}}
""") + """
[[site.route]]
path = "/old"
redirect = {to = "/new{rest}{query}", status = 301}

[[site.route]]
path = "/healthz"
answer = {body = "ok\\n"}

[[site]]
[[site.route]]
path = "/"
answer = {status = 421, body = "nobody\\n"}
""")

    def ask(target, host):
        with server.connect() as client:
            client.request(target, host=host)
            return client.read_response()

    response = ask("/file.txt", "example.org")
    assert (response.status, response.body, response.field("x-site")) == (200, b"content", "one")
    response = ask("/old/a%20b?c", "Example.org:80")
    assert (response.status, response.field("location")) == (301, "/new/a%20b?c")
    assert ask("/healthz", "example.org").body == b"ok\n"
    response = ask("/gone", "example.org")
    assert (response.status, response.body) == (404, b"<p>lost")
    response = ask("/file.txt", "other.example")
    assert (response.status, response.body) == (421, b"nobody\n")


def test_config_an_error_page_may_be_for_a_class(start, place):
    (place / "www" / "4xx.html").write_text("<p>some error")
    (place / "www" / "404.html").write_text("<p>lost")
    (place / "www" / "empty").mkdir()
    server = start(SITE.replace("listing = true", "listing = false")
                   + 'error_pages = {4xx = "www/4xx.html", 404 = "www/404.html"}\n')
    response = server.get("/empty/")
    assert (response.status, response.body) == (403, b"<p>some error")
    response = server.get("/gone")
    assert (response.status, response.body) == (404, b"<p>lost")


def test_config_values_may_come_from_the_environment(start, place):
    text = SITE.replace('"www"', '"${TEST_ROOT:-/nowhere}/www"')
    server = start(text, environment={"TEST_ROOT": str(place)})
    assert server.get("/file.txt").body == b"content"
    config = write(place, SITE.replace('"www"', '"${TEST_UNSET_ROOT}"'))
    result = run("check", "--config", config)
    assert result.returncode == 2
    assert result.stderr.startswith(f"{config}:9:17: the environment has no TEST_UNSET_ROOT, "), result.stderr


def test_config_the_command_line_stands_above_the_file(start, place):
    log = place / "access.log"
    server = start(SITE + '[access_log]\nfile = "other.log"\n', "--threads", "2", "--access-log", str(log),
                   "--access-log-format", "json", "--log-level", "error")
    assert server.get("/file.txt").status == 200
    assert server.stop() == 0
    assert log.read_text().startswith("{")
    assert not (place / "other.log").exists()


# -- serve --print-config -------------------------------------------------------------------------


def test_config_printed_by_serve_means_the_same_in_run(start, tmp_path):
    root = tmp_path / 'a "strange" ${name}'
    root.mkdir()
    (root / "file.txt").write_bytes(b"content")
    arguments = ("--listen", "127.0.0.1:0", "--threads", "1", "--no-listing", "--follow", "*.log",
                 "--idle-timeout", "90s")
    printed = run("serve", root, *arguments, "--print-config")
    assert (printed.returncode, printed.stderr) == (0, "")
    configured = start(printed.stdout)
    quick = Server(root, "--threads", "1", "--no-listing", "--follow", "*.log", "--idle-timeout", "90s")
    try:
        for target in ("/file.txt", "/", "/gone"):
            assert configured.get(target).status == quick.get(target).status, target
            assert configured.get(target).body == quick.get(target).body, target
    finally:
        assert quick.stop() == 0
    assert configured.get("/file.txt").body == b"content"


def test_config_print_config_shows_what_the_options_say(tmp_path):
    result = run("serve", tmp_path, "--listen", f"unix:{tmp_path}/socket", "--grace", "5s", "--follow", "never",
                 "--access-log", "-", "--print-config")
    assert (result.returncode, result.stderr) == (0, "")
    for expected in (f'address = "unix:{tmp_path}/socket"', 'grace = "5s"', "[[site.route]]", 'file = "-"',
                     f'root = "{tmp_path}"', "listing = true", 'follow = "never"'):
        assert expected in result.stdout, expected
    assert "idle_timeout" not in result.stdout, "a default"


def test_config_print_config_starts_nothing(tmp_path):
    """It says what would be done, so it does not matter that it cannot be done now."""
    result = run("serve", tmp_path / "missing", "--print-config")
    assert result.returncode == 0 and str(tmp_path / "missing") in result.stdout, result


def test_config_print_config_of_a_name_that_toml_cannot_hold(tmp_path):
    root = os.fsencode(tmp_path) + b"/\xff"
    os.mkdir(root)
    result = subprocess.run([binary(), "serve", root, "--print-config"], capture_output=True, timeout=limit(20),
                            check=False)
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.startswith(b"midstream: ") and result.stderr.count(b"\n") == 1


# -- reload ---------------------------------------------------------------------------------------


def test_config_a_broken_file_is_refused_at_the_reload_and_its_problems_are_logged(start, place):
    server = start(SITE)
    server.expected_errors = [r"site\.toml:", "was not changed"]
    write(place, SITE + "[limit]\n")
    server.signal(signal.SIGHUP)
    found = server.stderr.wait(lambda lines: [line for line in lines if 'did you mean "limits"?' in line],
                               "the problem is not logged")
    assert f"{place}/site.toml:10:2: " in found[0]
    assert server.get("/file.txt").body == b"content"
    write(place, SITE.replace("listing = true", "listing = false"))
    server.signal(signal.SIGHUP)
    server.stderr.wait(lambda lines: [line for line in lines if "was read again" in line], "it is not read again")
    assert server.get("/").status == 403
