"""The command line: what it accepts, and one line that says what is wrong and why."""

import os
import re
import shutil
import socket
import tempfile

import pytest

from harness.client import Client
from harness.server import Server, binary, run

# name: arguments; {dir} is a directory that can be served, {file} a file, {missing} is not there.
WRONG_USAGE = {
    "no-command": [],
    "unknown-command": ["frobnicate"],
    "unknown-option": ["--frobnicate"],
    "serve-without-directory": ["serve"],
    "serve-two-directories": ["serve", "{dir}", "{dir}"],
    "serve-unknown-option": ["serve", "{dir}", "--frobnicate"],
    "serve-missing-directory": ["serve", "{missing}"],
    "serve-a-file": ["serve", "{file}"],
    "serve-an-empty-name": ["serve", ""],
    "option-without-its-value": ["serve", "{dir}", "--listen"],
    "listen-nonsense": ["serve", "{dir}", "--listen", "nonsense"],
    "listen-without-port": ["serve", "{dir}", "--listen", "127.0.0.1"],
    "listen-empty-port": ["serve", "{dir}", "--listen", "127.0.0.1:"],
    "listen-port-too-large": ["serve", "{dir}", "--listen", "127.0.0.1:65536"],
    "listen-port-negative": ["serve", "{dir}", "--listen", "127.0.0.1:-1"],
    "listen-port-not-a-number": ["serve", "{dir}", "--listen", "127.0.0.1:http"],
    "listen-address-out-of-range": ["serve", "{dir}", "--listen", "300.0.0.1:0"],
    "threads-not-a-number": ["serve", "{dir}", "--threads", "many"],
    "threads-negative": ["serve", "{dir}", "--threads", "-1"],
    "log-level-unknown": ["serve", "{dir}", "--log-level", "loud"],
    "access-log-format-unknown": ["serve", "{dir}", "--access-log-format", "xml"],
    "idle-timeout-unknown-unit": ["serve", "{dir}", "--idle-timeout", "5parsecs"],
    "idle-timeout-negative": ["serve", "{dir}", "--idle-timeout", "-1s"],
    "idle-timeout-empty": ["serve", "{dir}", "--idle-timeout", ""],
    "header-timeout-not-a-number": ["serve", "{dir}", "--header-timeout", "soon"],
    "stall-timeout-without-number": ["serve", "{dir}", "--stall-timeout", "ms"],
    "stall-timeout-overflow": ["serve", "{dir}", "--stall-timeout", "99999999999999999999s"],
    "grace-not-a-number": ["serve", "{dir}", "--grace", "1..5s"],
}


@pytest.fixture
def places(tmp_path):
    (tmp_path / "dir").mkdir()
    (tmp_path / "file").write_bytes(b"x")
    return {"dir": str(tmp_path / "dir"), "file": str(tmp_path / "file"), "missing": str(tmp_path / "missing")}


def filled(arguments, places):
    return [re.sub(r"\{(\w+)\}", lambda match: places[match[1]], argument) for argument in arguments]


def one_line(result, code):
    assert result.returncode == code, result
    assert result.stdout == "", result
    lines = result.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("midstream: "), result.stderr
    return lines[0]


@pytest.mark.parametrize("name", WRONG_USAGE)
def test_command_line_wrong_usage_is_2_and_one_line(name, places):
    arguments = filled(WRONG_USAGE[name], places)
    line = one_line(run(*arguments), 2)
    culprit = arguments[-1] if arguments else ""
    if culprit not in ("", "serve", places["dir"]):
        assert culprit in line, f"{line!r} does not say which"
    assert len(line) > len("midstream: ") + 10


def test_command_line_a_directory_that_may_not_be_read_is_2():
    wrapper = ()
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("runs as root, who may read everything, and there is no setpriv")
        wrapper = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    parent = tempfile.mkdtemp(prefix="midstream-e2e-")
    try:
        os.chmod(parent, 0o755)
        copy = shutil.copy(binary(), parent)
        closed = os.path.join(parent, "closed")
        os.mkdir(closed, 0o700)
        if os.geteuid() != 0:
            os.chmod(closed, 0)
        result = run("serve", closed, "--listen", "127.0.0.1:0", wrapper=wrapper, executable=copy)
        assert closed in one_line(result, 2)
    finally:
        shutil.rmtree(parent)


def test_command_line_a_port_in_use_is_1(places):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert address in one_line(run("serve", places["dir"], "--listen", address), 1)


def test_command_line_a_port_in_use_by_another_midstream_is_1(places, launch):
    """Two servers must not share a port by accident, though workers share theirs."""
    host, port = launch().address
    line = one_line(run("serve", places["dir"], "--listen", f"{host}:{port}"), 1)
    assert f"{host}:{port}" in line


def test_command_line_one_of_two_ports_in_use_is_1(places):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = run("serve", places["dir"], "--listen", "127.0.0.1:0", "--listen", address)
        assert address in one_line(result, 1)


def test_command_line_an_address_of_another_host_is_1(places):
    assert "192.0.2.1" in one_line(run("serve", places["dir"], "--listen", "192.0.2.1:0"), 1)


def test_command_line_an_access_log_that_cannot_be_opened_is_an_error(places):
    result = run("serve", places["dir"], "--listen", "127.0.0.1:0", "--access-log", places["missing"] + "/access.log")
    assert result.returncode in (1, 2)
    assert places["missing"] in one_line(result, result.returncode)


@pytest.mark.parametrize("arguments", [["--version"], ["serve", "--version"]], ids=["alone", "with-command"])
def test_command_line_version(arguments):
    result = run(*arguments)
    if arguments[0] == "serve" and result.returncode == 2:
        pytest.skip("--version stands before the command")
    assert (result.returncode, result.stderr) == (0, "")
    assert re.fullmatch(r"midstream \d+\.\d+\.\d+\S*\n", result.stdout), result.stdout


def test_command_line_help_names_the_commands():
    result = run("--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert "serve" in result.stdout and "--version" in result.stdout


def test_command_line_help_of_serve_names_every_option():
    result = run("serve", "--help")
    assert (result.returncode, result.stderr) == (0, "")
    for option in ("--listen", "--no-listing", "--follow", "--threads", "--log-level", "--access-log",
                   "--access-log-format", "--idle-timeout", "--header-timeout", "--stall-timeout", "--grace"):
        assert option in result.stdout, option
    assert "127.0.0.1:8080" in result.stdout, "the default address"


def test_command_line_help_needs_nothing_else():
    assert run("serve", "/nowhere/at/all", "--help").returncode == 0


@pytest.mark.parametrize("arguments", [
    ("--threads", "1"), ("--threads", "4"), ("--log-level", "error"), ("--log-level", "debug"),
    ("--idle-timeout", "250ms"), ("--idle-timeout", "1m"), ("--grace", "2s", "--stall-timeout", "1h"),
    ("--access-log", "off"), ("--access-log", "-"), ("--follow=never",), ("--no-listing",),
], ids=" ".join)
def test_command_line_right_usage_starts(launch, arguments):
    site = launch(*arguments, warm=False)
    site.put("file.txt", b"content")
    assert site.get("/file.txt").body == b"content"
    assert site.stop() == 0


def test_command_line_two_listeners(launch):
    site = launch(listeners=("127.0.0.1:0", "127.0.0.1:0"))
    site.put("file.txt", b"content")
    assert len(set(site.addresses)) == 2
    for address in site.addresses:
        with Client(address) as client:
            assert client.get("/file.txt").body == b"content"
    site.check_healthy()


def test_command_line_an_ipv6_listener(launch):
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError as error:
            pytest.skip(f"no IPv6 here: {error}")
    site = launch(listeners=("127.0.0.1:0", "[::1]:0"))
    site.put("file.txt", b"content")
    with Client(site.addresses[1]) as client:
        assert client.get("/file.txt").body == b"content"
    site.check_healthy()


def test_command_line_the_ready_line_is_all_of_standard_output(launch):
    site = launch()
    assert len(site.stdout.all()) == 1
    site.stop()
    assert len(site.stdout.all()) == 1


def test_command_line_a_directory_is_resolved_once(tmp_path):
    """A relative name, a name with a slash at its end, and a link as the root are fine."""
    real = tmp_path / "real"
    real.mkdir()
    (real / "file.txt").write_bytes(b"content")
    link = tmp_path / "link"
    link.symlink_to("real")
    for root in (str(real) + "/", str(link), os.path.relpath(real)):
        site = Server(root)
        assert site.get("/file.txt").body == b"content"
        assert site.stop() == 0
