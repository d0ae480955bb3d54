"""F3 without listings, F5 for a server that may not read everything."""

import os
import shutil
import tempfile

import pytest

from harness.message import COMPLETE
from harness.server import Server, binary

NOBODY = 65534


def test_F3_without_listings_a_directory_is_403(launch):
    site = launch("--no-listing")
    site.put("dir/file.txt", b"in dir")
    site.put("indexed/index.html", b"index")
    for target in ("/", "/dir/"):
        assert site.get(target).status == 403
    assert site.get("/dir").status == 301
    assert site.get("/dir/file.txt").body == b"in dir"
    assert site.get("/indexed/").body == b"index"
    site.check_healthy()


@pytest.fixture
def unprivileged():
    """A server that runs as nobody when the tests run as root, who may read everything."""
    parent = tempfile.mkdtemp(prefix="midstream-e2e-")
    os.chmod(parent, 0o755)
    wrapper, executable = (), binary()
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("runs as root and there is no setpriv to drop to another user")
        wrapper = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
        executable = shutil.copy(binary(), parent)  # the build directory may be closed to others
    root = os.path.join(parent, "served")
    os.mkdir(root)
    server = Server(root, wrapper=wrapper, executable=executable)
    yield server
    try:
        assert server.stop() == 0
        assert not server.error_lines(), server.error_lines()
    finally:
        server.kill()
        shutil.rmtree(parent)


def test_F5_what_may_not_be_read_is_403(unprivileged):
    site = unprivileged
    # At rest for long: whether somebody still writes it cannot be asked by who does not own it.
    rested = 1_500_000_000
    os.chmod(site.put("closed.txt", b"closed", rested), 0)
    site.put("closed/file.txt", b"in a closed directory", rested)
    os.chmod(site.path("closed"), 0)
    site.put("open.txt", b"open", rested)
    for target in ("/closed.txt", "/closed/file.txt", "/closed/"):
        response = site.get(target)
        assert response.status == 403, target
        assert b"ermission" not in response.body
    assert site.get("/open.txt").body == b"open"
    os.chmod(site.path("closed"), 0o700)


def test_L11_a_writer_that_the_kernel_does_not_tell_of_ends_by_resting(unprivileged):
    """Of another user's file nobody can ask who writes it; it counts as finished once it rests."""
    if os.geteuid() != 0:
        pytest.skip("needs a second user: runs as one who is not root")
    site = unprivileged
    with site.grow("other.log") as growing, site.connect() as client:
        client.request("/other.log")
        response = client.read_head()
        for number in range(20):
            growing.append(b"line %d\n" % number)
            client.read_size(response, growing.size)
        assert response.ending is None
        client.read_rest(response)
        assert (response.framing, response.ending, response.sha256) == ("chunked", COMPLETE, growing.sha256)
