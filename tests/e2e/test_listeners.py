"""What the server listens on: Unix sockets, sockets that it was passed, and several of them; and as which user."""
# ctest: label=shared

import json
import os
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile

import pytest

from harness.client import Client
from harness.limits import duration, limit, observe
from harness.message import BROKEN, COMPLETE
from harness.payload import KIB, MIB, payload, sha256
from harness.server import binary, run

NOBODY = 65534
STALL = 1  # seconds, before MIDSTREAM_TIME_FACTOR
LARGE = payload(20 * MIB, seed="large")


@pytest.fixture
def directory():
    """Short, because the path of a Unix socket has at most 107 bytes; open to everybody."""
    path = tempfile.mkdtemp(prefix="midstream-e2e-")
    os.chmod(path, 0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def local(launch, directory):
    """A server on a Unix socket: `site = local("--threads", "4")`."""
    def start(*arguments, listeners=(), **options):
        return launch(*arguments, listeners=(f"unix:{directory}/socket", *listeners), **options)

    return start


def test_unix_socket_serves_like_any_other(local):
    site = local()
    site.put("large.bin", LARGE)
    with site.connect() as client:
        for _ in range(2):
            response = client.get("/large.bin", keep_body=False)
            assert (response.status, response.framing, response.sha256) == (200, "length", sha256(LARGE))
        assert client.get("/large.bin", fields=[("Range", "bytes=5-9")]).body == LARGE[5:10]
        assert client.get("/missing").status == 404
    site.check_healthy()


def test_unix_socket_and_tcp_at_once(local):
    site = local(listeners=("127.0.0.1:0", "[::1]:0"))
    site.put("file.txt", b"content")
    assert isinstance(site.addresses[0], str) and len(site.addresses) == 3
    for address in site.addresses:
        with site.connect(address=address) as client:
            assert client.get("/file.txt").body == b"content"
    site.check_healthy()


@pytest.mark.bound(120)
def test_unix_socket_all_of_a_burst_of_connections_are_served(local):
    """One socket for four workers: nobody is forgotten in the queue, and each worker has its share."""
    count = 2000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 1000), hard))
    try:
        site = local("--threads", "4")
        site.put("file.txt", b"content")
        clients = [site.connect() for _ in range(count)]
        for number, client in enumerate(clients):
            client.request(f"/file.txt?{number}")
        for client in clients:
            assert client.read_response().body == b"content"
        for client in clients:
            client.close()
        site.check_healthy()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# -- its file -------------------------------------------------------------------------------------

def test_unix_socket_file_can_be_used_by_everybody_and_is_gone_at_the_end(local):
    site = local(warm=False)
    assert stat.S_IMODE(os.stat(site.address).st_mode) == 0o666
    assert site.stop() == 0
    assert not os.path.exists(site.address)


def test_unix_socket_that_a_killed_server_left_is_replaced(local):
    first = local(warm=False)
    first.kill()
    assert os.path.exists(first.address)
    second = local(warm=False)
    second.put("file.txt", b"content")
    assert second.get("/file.txt").body == b"content"


def test_unix_socket_in_use_is_1_and_whoever_uses_it_keeps_it(local, tmp_path):
    site = local(warm=False)
    site.put("file.txt", b"content")
    result = run("serve", tmp_path, "--listen", f"unix:{site.address}")
    assert result.returncode == 1 and site.address in result.stderr, result
    assert site.get("/file.txt").body == b"content"


def test_unix_socket_never_replaces_a_file(directory, tmp_path):
    with open(f"{directory}/socket", "w") as file:
        file.write("of somebody")
    result = run("serve", tmp_path, "--listen", f"unix:{directory}/socket")
    assert result.returncode == 1 and f"{directory}/socket" in result.stderr, result
    with open(f"{directory}/socket") as file:
        assert file.read() == "of somebody"


# -- truth ----------------------------------------------------------------------------------------

def test_unix_socket_a_body_that_only_the_close_could_end_is_not_begun(local):
    """There is no reset on a Unix socket: a growing file that breaks off would look whole to HTTP/1.0."""
    site = local(listeners=("127.0.0.1:0",))
    with site.grow("growing.log") as growing:
        growing.append(b"x" * 5000)
        for method in ("GET", "HEAD"):
            with site.connect() as client:
                response = client.get("/growing.log", method, version="HTTP/1.0")
                assert (response.status, response.ending) == (505, COMPLETE)
                assert response.length > 0 and response.field("ETag") is None
        with site.connect() as old, site.connect(address=site.addresses[1]) as over_tcp, site.connect() as new:
            for client, version in ((over_tcp, "HTTP/1.0"), (new, "HTTP/1.1")):
                client.request("/growing.log", version=version)
            responses = [over_tcp.read_head(), new.read_head()]
            assert [response.framing for response in responses] == ["close", "chunked"]
            growing.append(b"y" * 5000)
            growing.close()
            for client, response in zip((over_tcp, new), responses):
                client.read_rest(response)
                assert (response.ending, response.sha256) == (COMPLETE, growing.sha256)
            response = old.get("/growing.log", version="HTTP/1.0")  # its length is known now
            assert (response.status, response.ending, response.sha256) == (200, COMPLETE, growing.sha256)
    site.check_healthy()


def test_unix_socket_a_refused_open_end_leaves_a_kept_connection_usable(local):
    site = local()
    site.put("file.txt", b"content")
    with site.grow("growing.log") as growing, site.connect() as client:
        growing.append(b"x")
        kept = [("Connection", "keep-alive")]
        assert client.get("/growing.log", fields=kept, version="HTTP/1.0").status == 505
        assert client.get("/file.txt", fields=kept, version="HTTP/1.0").body == b"content"


def test_unix_socket_a_growing_file_that_fails_is_seen_to_fail(local):
    site = local()
    with site.grow("growing.log") as growing, site.connect() as client:
        growing.append(b"x" * 5000)
        client.request("/growing.log")
        response = client.read_head()
        client.read_size(response, 5000)
        growing.truncate(0)
        client.read_rest(response)
        assert response.ending in BROKEN


def test_unix_socket_a_server_that_dies_is_seen_to_die(local):
    site = local(warm=False)
    with site.grow("growing.log") as growing, site.connect() as client:
        growing.append(b"x" * 5000)
        client.request("/growing.log")
        response = client.read_head()
        client.read_size(response, 5000)
        site.kill()
        client.read_rest(response)
        assert response.ending in BROKEN


# -- slow clients ---------------------------------------------------------------------------------

def test_unix_socket_clients_that_never_read_are_dropped(local):
    site = local("--stall-timeout", duration(STALL))
    site.put("large.bin", LARGE)
    clients = [site.connect() for _ in range(20)]
    responses = []
    for client in clients:
        client.request("/large.bin")
        responses.append(client.read_head())
    site.wait_for_base("while 20 clients do not read and do not leave")
    for client, response in zip(clients, responses):
        client.read_rest(response)
        assert response.ending in BROKEN
        assert response.body == LARGE[:response.size]
        client.close()


def test_unix_socket_a_slow_but_steady_reader_lives_on(local):
    """Several times the stall timeout. What the client has read counts as acknowledged."""
    site = local("--stall-timeout", duration(STALL))
    site.put("large.bin", LARGE)
    with site.connect() as client:
        client.request("/large.bin")
        response = client.read_head(keep_body=False)
        for _ in range(int(3 * STALL / 0.05)):
            client.read_size(response, response.size + 32 * KIB, most=32 * KIB)
            observe(limit(0.05))
        client.read_rest(response)
        assert (response.ending, response.sha256) == (COMPLETE, sha256(LARGE))
    site.check_healthy()


# -- the log --------------------------------------------------------------------------------------

def test_unix_socket_the_client_in_the_access_log(local, tmp_path):
    path = tmp_path / "access.log"
    site = local("--access-log", path, "--access-log-format", "json", listeners=("127.0.0.1:0",), warm=False)
    site.put("file.txt", b"content")
    site.get("/file.txt")
    with site.connect(address=site.addresses[1]) as client:
        client.get("/file.txt")
        client.request("http://other.test:80/file.txt", host="ignored.test")
        client.read_response()
    assert site.stop() == 0
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert sorted((entry["client"], entry["host"]) for entry in entries) == [
        ("127.0.0.1", "midstream.test"), ("127.0.0.1", "other.test:80"), ("unix:", "midstream.test")]


# -- passed sockets -------------------------------------------------------------------------------

# Stands in for systemd: opens NAME=ADDRESS..., and becomes the command with them from descriptor 3 on.
ACTIVATE = """
import os, socket, sys
names, sockets = [], []
while "=" in sys.argv[1]:
    name, address = sys.argv.pop(1).split("=", 1)
    if address.startswith("unix:"):
        one = socket.socket(socket.AF_UNIX)
        one.bind(address.removeprefix("unix:"))
    else:
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if address == "datagram" else socket.SOCK_STREAM)
        one.bind(("127.0.0.1", 0))
    if address not in ("datagram", "silent"):
        one.listen(4096)
    names.append(name)
    sockets.append(os.dup(one.fileno()))
    one.close()
high = [os.dup2(fd, 100 + index) for index, fd in enumerate(sockets)]
for fd in range(3, 100):
    try:
        os.close(fd)
    except OSError:
        pass
for index, fd in enumerate(high):
    os.dup2(fd, 3 + index)
    os.close(fd)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(names)), LISTEN_FDNAMES=":".join(names))
os.execv(sys.argv[1], sys.argv[1:])
"""


def activated(*sockets):
    return (sys.executable, "-c", ACTIVATE, *sockets)


class AllListeners:
    """One `--listen` that stands for several sockets."""

    def __init__(self, argument, count):
        self.argument, self.count = argument, count

    def __iter__(self):
        return iter((self.argument,))

    def __len__(self):
        return self.count


def test_systemd_all_sockets_that_were_passed(launch, directory):
    site = launch("--threads", "2", listeners=AllListeners("systemd", 2),
                  wrapper=activated("web=tcp", f"local=unix:{directory}/socket"))
    site.put("file.txt", b"content")
    assert site.addresses[1] == f"{directory}/socket"
    for address in site.addresses:
        for _ in range(10):  # some on each worker
            with site.connect(address=address) as client:
                assert client.get("/file.txt").body == b"content"
    site.check_healthy()
    assert site.stop() == 0
    assert os.path.exists(f"{directory}/socket"), "it belongs to whoever made it"


def test_systemd_one_socket_by_name(launch, directory):
    site = launch(listeners=("systemd:local",), wrapper=activated("web=tcp", f"local=unix:{directory}/socket"))
    assert site.addresses == [f"{directory}/socket"]
    site.put("file.txt", b"content")
    assert site.get("/file.txt").body == b"content"
    site.check_healthy()


def test_systemd_together_with_an_address_of_its_own(launch):
    site = launch(listeners=("systemd", "127.0.0.1:0"), wrapper=activated("web=tcp"))
    site.put("file.txt", b"content")
    for address in site.addresses:
        with site.connect(address=address) as client:
            assert client.get("/file.txt").body == b"content"
    site.check_healthy()


@pytest.mark.parametrize("sockets, listener, says", [
    ((), "systemd", "systemd"),
    (("web=tcp",), "systemd:other", "systemd:other"),
    (("dns=datagram",), "systemd", "descriptor 3 (dns): neither a TCP nor a Unix stream socket"),
    (("web=tcp", "mute=silent"), "systemd", "descriptor 4 (mute): a socket that does not listen"),
], ids=["none", "no-such-name", "datagram", "not-listening"])
def test_systemd_what_cannot_be_listened_on_is_1(tmp_path, sockets, listener, says):
    wrapper = activated(*sockets) if sockets else ()
    result = run("serve", tmp_path, "--listen", listener, wrapper=wrapper)
    assert result.returncode == 1 and says in result.stderr, result
    assert len(result.stderr.splitlines()) == 1, result.stderr


# -- the user -------------------------------------------------------------------------------------

def free_low_port():
    for port in range(1023, 600, -1):
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            pass
    pytest.skip("no free port below 1024")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change the user")
def test_user_is_changed_once_everything_is_open(directory):
    """Binds a low port and opens a log that only root may open, and is nobody afterwards."""
    root = os.path.join(directory, "served")
    os.mkdir(root)
    for name, mode in (("open.txt", 0o644), ("closed.txt", 0o600)):
        with open(os.path.join(root, name), "wb") as file:
            file.write(b"content")
        os.chmod(file.name, mode)
        os.utime(file.name, (1_500_000_000, 1_500_000_000))
    port = free_low_port()
    config = os.path.join(directory, "midstream.toml")
    with open(config, "w") as file:
        file.write(f'''
user = "nobody"
[access_log]
file = "{directory}/access.log"
[[listen]]
address = "127.0.0.1:{port}"
[[listen]]
address = "unix:{directory}/socket"
mode = 0o600
[[site]]
[[site.route]]
[site.route.files]
root = "{root}"
''')
    executable = shutil.copy(binary(), directory)
    process = subprocess.Popen([executable, "run", "--config", config], stdout=subprocess.PIPE, text=True)
    try:
        assert [process.stdout.readline() for _ in range(2)] == [
            f"midstream: listening on http://127.0.0.1:{port}\n", f"midstream: listening on unix:{directory}/socket\n"]
        for task in os.listdir(f"/proc/{process.pid}/task"):
            with open(f"/proc/{process.pid}/task/{task}/status") as file:
                status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
            assert status["Uid"].split() == status["Gid"].split() == [str(NOBODY)] * 4
            assert {status[name] for name in ("CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
        for address in (("127.0.0.1", port), f"{directory}/socket"):
            with Client(address) as client:
                assert client.get("/open.txt").body == b"content"
                assert client.get("/closed.txt").status == 403
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(limit(15)) == 0
        process.stdout.close()
    with open(f"{directory}/access.log") as file:
        assert len(file.readlines()) == 4
