"""F8: the open-file cache is never stale and never in the way (docs/decisions/0006-open-file-cache.md)."""

import os
import shutil
import tempfile
import threading

import pytest

from harness import procfs
from harness.server import Server, binary
from harness.strace import Strace

NOBODY = 65534
ROUNDS = 2000
DESCRIPTORS = 64
RESTED = 1_500_000_000  # seconds since the epoch: nobody has written it for long


class Readers:
    """Clients that ask for one file all the time. Its content is a number that only rises."""

    def __init__(self, site, target, count):
        self.newest = 0  # the number that is in the file for certain
        self.stale = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(site, target)) for _ in range(count)]

    def _run(self, site, target):
        with site.connect() as client:
            while not self._stop.is_set():
                expected = self.newest
                body = client.get(target).body
                if int(body) < expected:
                    self.stale.append((expected, body))

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.mark.parametrize("disturbance", ["other directories", "its own directory"])
def test_F8_a_replaced_file_is_new_at_once_whatever_happens_to_directories(launch, disturbance):
    site = launch("--threads", "1")
    site.put("dir/file", b"0")

    def disturb():
        if disturbance == "other directories":
            os.mkdir(site.path("unrelated"))
            os.rmdir(site.path("unrelated"))
        else:
            os.chmod(site.path("dir"), 0o755)  # gives up what is known of it

    stale = []
    with Readers(site, "/dir/file", 3) as readers, site.connect() as client:
        for number in range(1, ROUNDS):
            disturb()
            site.put("dir/file", b"%d" % number)
            readers.newest = number
            body = client.get("/dir/file").body
            if body != b"%d" % number:
                stale.append((number, body))
    assert not stale
    assert not readers.stale
    site.check_healthy()


def test_F8_a_change_of_other_directories_takes_nothing_from_the_cache(launch, tmp_path):
    site = launch("--threads", "1")
    site.put("dir/file", b"content", RESTED)
    os.mkdir(site.path("other"))
    with site.connect() as client:
        client.get("/dir/file")
        with Strace(site.pid, ["openat2"], tmp_path) as trace:
            for number in range(10):
                os.mkdir(site.path(f"dir/{number}"))
                os.chmod(site.path("other"), 0o700 + number)
                os.rename(site.path(f"dir/{number}"), site.path(f"other/{number}"))
                assert client.get("/dir/file").body == b"content"
        assert not trace.calls


# -- descriptors ------------------------------------------------------------------------------------

@pytest.fixture
def narrow(launch):
    """A server that may have few descriptors."""
    if not shutil.which("prlimit"):
        pytest.skip("prlimit is not installed")
    site = launch("--threads", "1", wrapper=("prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}"), warm=False)
    for number in range(2 * DESCRIPTORS):
        site.put(f"{number}", b"%d" % number, RESTED)
    return site


def test_F5_the_cache_leaves_descriptors_to_requests(narrow):
    for number in range(2 * DESCRIPTORS):
        response = narrow.get(f"/{number}")
        assert (response.status, response.body) == (200, b"%d" % number)


@pytest.mark.skipif("undefined" in os.environ.get("MIDSTREAM_SANITIZE", ""),
                    reason="UBSan needs a pipe to look at objects, and takes them for wrong ones without")
def test_F5_without_descriptors_the_cache_gives_up_its_own(narrow):
    kept = DESCRIPTORS // 4
    clients = [narrow.connect()]
    for number in range(kept):
        clients[0].get(f"/{number}")
    while procfs.fd_count(narrow.pid) < DESCRIPTORS - 1:  # one, for accept; a file takes two for a moment
        clients.append(narrow.connect())
        assert clients[-1].get(f"/{kept - 1}").status == 200  # accepted, and answered from the cache
    for number in range(kept, 2 * DESCRIPTORS):
        response = clients[number % len(clients)].get(f"/{number}")
        assert (response.status, response.body) == (200, b"%d" % number)
    assert clients[0].get("/").status == 200


# -- files of another user --------------------------------------------------------------------------

@pytest.fixture
def unprivileged():
    """A server that runs as nobody and serves files of root: the kernel does not tell it of writers."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs a second user: root, and setpriv to become another one")
    parent = tempfile.mkdtemp(prefix="midstream-e2e-")
    os.chmod(parent, 0o755)
    root = os.path.join(parent, "served")
    os.mkdir(root)
    server = Server(root, "--threads", "1", executable=shutil.copy(binary(), parent),
                    wrapper=("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                             "--bounding-set=-all"))
    yield server
    try:
        assert server.stop() == 0
        assert not server.error_lines(), server.error_lines()
    finally:
        server.kill()
        shutil.rmtree(parent)


def test_F8_a_file_of_another_user_is_kept_once_it_rests(unprivileged, tmp_path):
    site = unprivileged
    site.put("dir/file", b"content", RESTED)
    with site.connect() as client:
        client.get("/dir/file")
        with Strace(site.pid, ["openat2", "fcntl"], tmp_path) as trace:
            for _ in range(10):
                with open(site.path("dir/file"), "rb"):  # somebody else reads it
                    assert client.get("/dir/file").body == b"content"
        assert not trace.calls


def test_F8_a_kept_file_of_another_user_is_never_stale(unprivileged):
    site = unprivileged
    path = site.put("file", b"content", RESTED)
    with site.connect() as client:
        assert client.get("/file").body == b"content"
        with open(path, "r+b", buffering=0) as file:
            assert client.get("/file").body == b"content"
            file.write(b"C")
            os.utime(path, (RESTED, RESTED))
            assert client.get("/file").body == b"Content"
            file.truncate(1)
            os.utime(path, (RESTED, RESTED))
            assert client.get("/file").body == b"C"
        site.put("file", b"replaced", RESTED)
        assert client.get("/file").body == b"replaced"
        os.chmod(path, 0)
        assert client.get("/file").status == 403
        os.unlink(path)
        assert client.get("/file").status == 404


def test_L11_a_kept_file_of_another_user_is_followed_once_it_grows(unprivileged):
    site = unprivileged
    path = site.put("file.log", b"at rest", RESTED)
    with site.connect() as client:
        assert client.get("/file.log").body == b"at rest"
        with open(path, "ab", buffering=0) as file:
            file.write(b", no more")
            client.request("/file.log")
            response = client.read_head()
            assert response.framing == "chunked"
            client.read_rest(response)
        assert response.body == b"at rest, no more"
