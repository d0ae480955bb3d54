"""SIGHUP: the configuration is read again without dropping a connection or a transfer."""
# ctest: label=shared

import json
import os
import signal
import socket
import threading

import pytest

from harness.configured import ConfiguredServer
from harness.limits import wait_until
from harness.message import COMPLETE
from harness.payload import KIB, MIB, payload, sha256
from harness.routes import toml

LARGE = payload(8 * MIB, seed="reload")

DONE = "the configuration was read again"
REFUSED = "the configuration was not changed"


class Reloading:
    """A server and its configuration file."""

    def __init__(self, place):
        self.root = place / "served"
        self.root.mkdir()
        (self.root / "index.html").write_bytes(b"one")
        self.file = place / "midstream.toml"
        self.write(self.answer("first"))
        self.server = ConfiguredServer(self.file, self.root)

    def write(self, site, listen='[[listen]]\naddress = "127.0.0.1:0"\n', top='threads = 2\nlog_level = "info"\n'):
        self.file.write_text(top + listen + "[[site]]\n" + site)

    def answer(self, body):
        return f'[[site.route]]\npath = "/"\nanswer = {{body = "{body}"}}\n' + self.files("/files")

    def files(self, path, more=""):
        return f'[[site.route]]\npath = "{path}"\nfiles = {{root = {toml(self.root)}{more}}}\n'

    def reload(self, outcome=DONE):
        """Sends the signal and waits for what the server says of it."""
        before = self.count(outcome)
        self.server.signal(signal.SIGHUP)
        self.server.stderr.wait(lambda _: self.count(outcome) > before, f"the server does not say {outcome!r}")
        if outcome == DONE:
            self.used()

    def count(self, text):
        return sum(text in line for line in self.server.stderr.all())

    def used(self):
        """Each worker takes the new configuration on its own thread: asks until all have."""
        wanted = self.file.read_text()
        marker = wanted.split('body = "')[1].split('"')[0] if 'body = "' in wanted else None
        if marker is None:
            return
        clients = [self.server.connect() for _ in range(16)]  # some on either worker
        wait_until(lambda: all(client.get("/").body == marker.encode() for client in clients),
                   "the new configuration is not used")
        for client in clients:
            client.close()


@pytest.fixture
def site(tmp_path):
    one = Reloading(tmp_path)
    yield one
    server = one.server
    try:
        server.close_clients()
        assert server.stop() == 0
    finally:
        server.kill()


def test_reload_changes_answers_for_connections_that_stay_open(site):
    with site.server.connect() as client:
        assert client.get("/").body == b"first"
        site.write(site.answer("second"))
        site.reload()
        assert client.get("/").body == b"second"


def test_reload_lets_running_transfers_go_on(site):
    (site.root / "large.bin").write_bytes(LARGE)
    with site.server.connect(receive_buffer=32 * KIB) as client:
        client.request("/files/large.bin")
        response = client.read_head()
        site.write('[[site.route]]\npath = "/"\nanswer = {body = "no files any more"}\n')
        site.reload()
        client.read_rest(response)
        assert response.ending == COMPLETE and sha256(response.body) == sha256(LARGE)
        assert client.get("/files/large.bin").body == b"no files any more"


def test_reload_lets_a_growing_file_be_followed_to_its_end(site):
    with site.server.connect() as client, open(site.root / "live.log", "wb", buffering=0) as live:
        live.write(b"one ")
        client.request("/files/live.log")
        response = client.read_head()
        site.write(site.answer("second"))
        site.reload()
        live.write(b"two")
        live.close()
        client.read_rest(response)
        assert response.ending == COMPLETE and response.body == b"one two"


@pytest.mark.parametrize("broken, why", [
    ("[[site.route]\n", ":"),
    ('[[site.route]]\npth = "/"\nanswer = {}\n', 'did you mean "path"?'),
    ('[[site.route]]\npath = "/"\nfiles = {root = "/nonexistent"}\n', "/nonexistent"),
])
def test_reload_refuses_a_broken_file_and_goes_on(site, broken, why):
    site.server.expected_errors.append(".")
    site.write(broken)
    site.reload(REFUSED)
    assert any(why in line for line in site.server.stderr.all())
    assert site.server.get("/").body == b"first"
    site.write(site.answer("third"))
    site.reload()
    assert site.server.get("/").body == b"third"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_reload_opens_and_closes_listeners(site):
    port = free_port()
    listen = '[[listen]]\naddress = "127.0.0.1:0"\n'
    site.write(site.answer("two"), listen + f'[[listen]]\naddress = "127.0.0.1:{port}"\n')
    site.reload()
    second = ("127.0.0.1", port)
    with site.server.connect(address=second) as client:
        assert client.get("/").body == b"two"
        site.write(site.answer("three"), listen)
        site.reload()
        assert client.get("/").body == b"three", "a connection that was accepted goes on"

    def refused():
        try:
            socket.create_connection(second, timeout=5).close()
        except ConnectionRefusedError:
            return True
        return False

    wait_until(refused, "the listener that was taken away still accepts")


def test_reload_refuses_an_address_that_is_taken(site):
    site.server.expected_errors.append(REFUSED)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        site.write(site.answer("two"), '[[listen]]\naddress = "127.0.0.1:0"\n[[listen]]\naddress = "127.0.0.1:%d"\n'
                   % taken.getsockname()[1])
        site.reload(REFUSED)
    assert site.server.get("/").body == b"first"


def test_reload_changes_limits_and_the_log(site, tmp_path):
    log = tmp_path / "access.log"
    site.write(site.answer("two"), top='threads = 2\nlog_level = "info"\n[access_log]\n'
               f'file = {toml(log)}\nformat = "json"\n[limits]\ntarget_bytes = 64\n')
    site.reload()
    assert site.server.get("/" + "x" * 100).status == 414
    wait_until(lambda: '"status":414' in log.read_text(), "nothing is logged")
    assert all(json.loads(line)["protocol"].startswith("HTTP/") for line in log.read_text().splitlines())
    site.write(site.answer("three"))
    site.reload()
    size = os.path.getsize(log)
    assert site.server.get("/" + "x" * 100).body == b"three"
    site.reload()
    assert os.path.getsize(log) == size


def test_reload_warns_of_what_needs_a_restart(site):
    site.write(site.answer("two"), top='threads = 3\nlog_level = "info"\n')
    site.reload()
    assert any("a change of threads needs a restart" in line for line in site.server.stderr.all())


@pytest.mark.bound(120)
def test_reload_under_load_fails_no_request(site):
    """Four clients ask without a pause while the configuration is read again, fifty times."""
    stop = threading.Event()
    wrong = []

    def ask():
        with site.server.connect() as client:
            while not stop.is_set():
                response = client.get("/files/")
                if (response.status, response.body) != (200, b"one"):
                    wrong.append(response)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for number in range(50):
            site.write(site.answer(f"number {number}"))
            site.reload()
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert not wrong, wrong[:3]


def test_reload_leaves_nothing_behind(site):
    """No descriptor and no watch of the configuration before."""
    def inotify_instances():
        return site.server.fd_kinds().get("inotify", 0)

    site.server.get("/files/")
    site.reload()
    before, instances = site.server.fd_kinds(), inotify_instances()
    for _ in range(20):
        site.server.get("/files/")
        site.reload()
    site.server.close_clients()
    wait_until(lambda: inotify_instances() <= instances, "inotify instances are left")
    wait_until(lambda: sum(site.server.fd_kinds().values()) <= sum(before.values()) + 2,
               "descriptors are left")
