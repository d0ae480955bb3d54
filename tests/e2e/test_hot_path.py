"""B1 without a clock: the system calls of a small file's request on a kept connection, with everything on."""

import collections

import pytest

from harness.configured import ConfiguredServer
from harness.payload import KIB, payload
from harness.strace import Strace

FILE = payload(4 * KIB, seed="hot")
REQUESTS = 100
WAITS = ("epoll_wait", "epoll_pwait", "epoll_pwait2", "epoll_ctl")  # once for all that is ready, not per request

CONFIG = """
threads = 1
{access_log}

[[listen]]
address = "127.0.0.1:0"

[[site]]
hosts = ["other.test", "*.other.test"]

[[site.route]]
answer = {{ status = 404, body = "the wrong site" }}

[[site]]
hosts = ["midstream.test"]
headers = {{ set = {{ X-Site = "right" }} }}

[[site.route]]
path = "/"
answer = {{ status = 404, body = "the wrong route" }}

[[site.route]]
path = "/files"
headers = {{ set = {{ Cache-Control = "max-age=60" }}, remove = ["X-Nothing"] }}

[site.route.files]
root = "{root}"
precompressed = ["br", "gzip"]
"""


@pytest.fixture
def run(tmp_path):
    """`midstream run` with virtual hosts, routes, and rules for fields; perhaps with a log."""
    running = []

    def start(access_log=""):
        root = tmp_path / "served"
        root.mkdir()
        config = tmp_path / "midstream.toml"
        config.write_text(CONFIG.format(root=root, access_log=access_log))
        running.append(ConfiguredServer(config, root))
        return running[0]

    yield start
    for server in running:
        try:
            assert server.stop() == 0
            assert not server.error_lines(), server.error_lines()
        finally:
            server.kill()


@pytest.fixture(params=["serve", "run", "run with a JSON access log"])
def hot(request, launch, run, tmp_path):
    """(server, target) of each way of serving."""
    if request.param == "serve":
        site, target = launch("--threads", "1"), "/hot.bin"
    else:
        log = f'access_log = {{ file = "{tmp_path}/access.log", format = "json" }}'
        site, target = run(log if "log" in request.param else ""), "/files/hot.bin"
    site.put("hot.bin", FILE)
    return site, target


def test_B1_a_small_file_on_a_kept_connection_costs_two_system_calls(hot, tmp_path):
    site, target = hot
    with site.connect() as client:
        for _ in range(3):
            response = client.get(target)
            assert (response.status, response.body) == (200, FILE), response
        if target.startswith("/files/"):
            assert response.field("x-site") == "right" and response.field("cache-control") == "max-age=60"
        with Strace(site.pid, ["all"], tmp_path, string_size=12) as trace:
            for _ in range(REQUESTS):
                assert client.get(target).body == FILE
    worker = next(call.thread for call in trace.calls if '"HTTP/1.1 200' in call.arguments)
    calls = collections.Counter(call.name for call in trace.calls if call.thread == worker)
    for name in WAITS:
        del calls[name]
    assert calls.pop("recvfrom", 0) == REQUESTS, calls
    assert calls.pop("sendmsg", 0) == REQUESTS, calls
    # What is left is now and then: the timer of a queue of deadlines, a thread of the log that is woken.
    assert calls.total() <= REQUESTS / 10, calls
