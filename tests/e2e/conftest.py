"""Fixtures of the end-to-end tests. MIDSTREAM_BIN names the server (default build/dev/midstream)."""

import signal
import sys

import pytest

sys.dont_write_bytecode = True

from harness.limits import TookTooLong, limit  # noqa: E402
from harness.server import Server  # noqa: E402


@pytest.fixture(autouse=True)
def bounded_in_time(request):
    """No test runs longer than its bound, whatever it waits for."""
    marker = request.node.get_closest_marker("bound")
    seconds = limit(marker.args[0] if marker else 60)

    def too_long(*_):
        raise TookTooLong(f"the test took more than {seconds:g} s")

    previous = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, previous)


@pytest.fixture(scope="module")
def server(request, tmp_path_factory):
    """The module's server. A module sets SERVER_ARGUMENTS for other flags than the defaults."""
    root = tmp_path_factory.mktemp("served")
    running = Server(root, *getattr(request.module, "SERVER_ARGUMENTS", ()))
    running.warm_up()
    yield running
    assert running.alive, f"the server ended with {running.process.returncode}: {running.stderr.all()}"
    assert running.stop() == 0, running.stderr.all()
    assert not running.error_lines(), running.error_lines()


@pytest.fixture
def site(server):
    """The module's server for one test. Afterwards it lives, has complained about nothing, and has
    no connection and no file open that it had not before."""
    yield server
    server.close_clients()
    server.check_healthy()


@pytest.fixture
def launch(tmp_path):
    """Starts servers of a test's own: `launch("--grace", "1s")`. They are ended with the test."""
    running = []

    def start(*arguments, root=None, warm=True, **options):
        directory = root or tmp_path / f"served-{len(running)}"
        directory.mkdir(exist_ok=True)
        server = Server(directory, *arguments, **options)
        running.append(server)
        if warm:
            server.warm_up()
        return server

    yield start
    for server in running:
        try:
            if server.alive:
                server.stop()
            assert not server.error_lines(), server.error_lines()
        finally:
            server.kill()
