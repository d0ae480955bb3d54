"""S8: a file that has to come from a slow disk delays nobody but those who asked for it.

The disk is a file system that answers when the test lets it, so "slow" needs no clock: while it holds a
request back, other clients of the same worker must be served, whatever the server was about to do.
"""
# ctest: label=shared timeout=600

import errno
import os
import signal
import socket

import pytest

from harness.limits import duration, limit, wait_until
from harness.message import BROKEN, COMPLETE
from harness.payload import KIB, MIB, payload, sha256
from harness.slow_fs import SlowFs
from harness.strace import Strace

REQUESTS = 1000
FAST = payload(4 * KIB, seed="fast")
LARGE = payload(8 * MIB, seed="large")
SMALL = payload(3000, seed="small")
MANY = 40  # more than any pool has threads
READS = ["pread64", "preadv", "preadv2", "readahead"]


@pytest.fixture
def slow(tmp_path):
    """A slow disk below the root of the server: /slow/."""
    disk = tmp_path / "disk"
    (disk / "directory").mkdir(parents=True)
    (disk / "large.bin").write_bytes(LARGE)
    (disk / "small.bin").write_bytes(SMALL)
    (disk / "without-extension").write_bytes(LARGE)
    (disk / "directory" / "entry.txt").write_bytes(b"entry")
    for number in range(MANY):
        (disk / f"{number}.bin").write_bytes(payload(64 * KIB, seed=number))
    mount_point = tmp_path / "served" / "slow"
    mount_point.mkdir(parents=True)
    with SlowFs(disk, mount_point) as running:
        yield running


@pytest.fixture
def start(slow, launch, tmp_path):
    """A server with one worker. Ended before the disk is."""
    def start(*arguments):
        site = launch("--threads", "1", *arguments, root=tmp_path / "served")
        site.put("fast.bin", FAST)
        return site

    return start


@pytest.fixture
def site(start):
    return start()


def assert_others_are_served(site, threads_left=True):
    with site.connect() as client:
        for _ in range(REQUESTS):
            response = client.get("/fast.bin", seconds=10)
            assert (response.status, response.body) == (200, FAST)
    assert site.get("/fast.bin", seconds=10).body == FAST
    if threads_left:
        assert site.get("/missing", seconds=10).status == 404


# -- who waits, and who does not --------------------------------------------------------------------

HELD = {  # what the server may wait for: operation, beyond which byte, whether the kernel knows the name
    "lookup": ("lookup", 0, False),
    "open": ("open", 0, False),
    "open-of-a-known-name": ("open", 0, True),
    "first-bytes": ("read", 0, False),
}


@pytest.mark.parametrize("name", ["large.bin", "small.bin", "without-extension"])
@pytest.mark.parametrize("held", HELD)
def test_S8_who_asks_for_a_slow_file_waits_alone(site, slow, held, name):
    operation, beyond, known = HELD[held]
    if known:
        os.stat(site.path(f"slow/{name}"))
    with slow.holding(operation, name, beyond), site.connect() as client:
        client.request(f"/slow/{name}")
        slow.await_held(operation)
        assert_others_are_served(site)
        slow.release()
        response = client.read_response()
        assert (response.status, response.ending) == (200, COMPLETE)
        assert response.sha256 == sha256(SMALL if name == "small.bin" else LARGE)
        assert client.get("/fast.bin").body == FAST
    site.check_healthy()


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_S8_a_download_that_waits_in_the_middle_delays_nobody(site, slow, version):
    with slow.holding("read", "large.bin", beyond=4 * MIB), site.connect() as client:
        client.request("/slow/large.bin", version=version)
        response = client.read_size(client.read_head(), MIB)
        slow.await_held("read")
        assert_others_are_served(site)
        slow.release()
        client.read_rest(response)
        assert (response.ending, response.sha256) == (COMPLETE, sha256(LARGE))
    site.check_healthy()


def test_S8_a_range_that_waits_delays_nobody(site, slow):
    with slow.holding("read", "large.bin"), site.connect() as client:
        client.request("/slow/large.bin", fields=[("Range", "bytes=5000000-5999999")])
        slow.await_held("read")
        assert_others_are_served(site)
        slow.release()
        response = client.read_response()
        assert (response.status, response.ending) == (206, COMPLETE)
        assert response.sha256 == sha256(LARGE[5_000_000:6_000_000])


def test_S8_a_listing_that_waits_delays_nobody(site, slow):
    with slow.holding("readdir", "directory"), site.connect() as client:
        client.request("/slow/directory/")
        slow.await_held("readdir")
        assert_others_are_served(site)
        slow.release()
        response = client.read_response()
        assert (response.status, response.ending) == (200, COMPLETE)
        assert b"entry.txt" in response.body


def test_S8_a_listing_that_waits_for_what_its_entries_are_delays_nobody(site, slow):
    with slow.holding("lookup", "directory/entry.txt"), site.connect() as client:
        client.request("/slow/directory/")
        slow.await_held("lookup")
        assert_others_are_served(site)
        slow.release()
        response = client.read_response()
        assert (response.status, response.ending) == (200, COMPLETE)
        assert b"entry.txt" in response.body


def test_S8_more_slow_downloads_than_threads_delay_only_each_other(site, slow):
    clients = [site.connect() for _ in range(MANY)]
    with slow.holding("read"):
        for number, client in enumerate(clients):
            client.request(f"/slow/{number}.bin")
        slow.await_held("read")
        assert_others_are_served(site, threads_left=False)
    for number, client in enumerate(clients):
        response = client.read_response()
        assert (response.status, response.ending) == (200, COMPLETE)
        assert response.sha256 == sha256(payload(64 * KIB, seed=number)), f"the content of another file, not {number}"
        client.close()
    site.check_healthy()


def test_S8_many_clients_of_one_slow_file_all_get_it(site, slow):
    clients = [site.connect() for _ in range(MANY)]
    with slow.holding("read", "large.bin", beyond=MIB):
        for client in clients:
            client.request("/slow/large.bin")
        slow.await_held("read")
        assert_others_are_served(site, threads_left=False)
    for client in clients:
        response = client.read_response(keep_body=False)
        assert (response.ending, response.sha256) == (COMPLETE, sha256(LARGE))
        client.close()
    site.check_healthy()


def test_S8_what_needs_no_content_does_not_wait_for_it(site, slow):
    tag = site.get("/slow/large.bin", "HEAD").field("etag")
    with slow.holding("read"), site.connect() as client:
        assert client.get("/slow/large.bin", "HEAD", seconds=10).length == len(LARGE)
        assert client.get("/slow/large.bin", fields=[("If-None-Match", tag)], seconds=10).status == 304
        assert client.get("/slow/large.bin", fields=[("If-Match", '"other"')], seconds=10).status == 412
        assert client.get("/slow/large.bin", fields=[("Range", "bytes=99999999-")], seconds=10).status == 416
        assert client.get("/slow/large.bin", "DELETE", seconds=10).status == 405
        assert client.get("/slow/directory", seconds=10).status == 301


# -- who does not wait to the end -------------------------------------------------------------------

@pytest.mark.parametrize("leave", ["fin", "rst"])
@pytest.mark.parametrize("held", [*HELD, "middle"])
def test_S8_a_client_that_leaves_while_its_file_is_waited_for_costs_nothing(site, slow, held, leave):
    operation, beyond, known = HELD.get(held, ("read", 4 * MIB, False))
    if known:
        os.stat(site.path("slow/large.bin"))
    with slow.holding(operation, "large.bin", beyond):
        with site.connect() as client:
            client.request("/slow/large.bin")
            slow.await_held(operation)
            if leave == "rst":
                client.reset()
        assert_others_are_served(site)
    site.wait_for_base("once the disk has answered a client that is gone")
    assert site.get("/slow/large.bin").sha256 == sha256(LARGE)
    site.check_healthy()


def is_refused(address):
    try:
        socket.create_connection(address, limit(10)).close()
    except ConnectionRefusedError:
        return True
    return False


def test_S8_a_stop_lets_a_slow_download_end(start, slow):
    site = start("--grace", duration(60))
    with slow.holding("read", "large.bin", beyond=4 * MIB), site.connect() as client:
        client.request("/slow/large.bin")
        response = client.read_size(client.read_head(), MIB)
        slow.await_held("read")
        site.signal(signal.SIGTERM)
        wait_until(lambda: is_refused(site.address), "the server goes on accepting")
        slow.release()
        client.read_rest(response)
        assert (response.ending, response.sha256) == (COMPLETE, sha256(LARGE))
    assert site.wait_exit() == 0


# -- errors of the disk -----------------------------------------------------------------------------

@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_S6_a_read_error_in_the_middle_closes_short_and_is_logged_with_the_path(site, slow, version):
    site.expected_errors.append("large.bin")
    slow.fail("read", "large.bin", beyond=4 * MIB)
    with site.connect() as client:
        client.request("/slow/large.bin", version=version)
        response = client.read_response()
        assert response.status == 200 and response.ending in BROKEN, response
        assert 0 < response.size <= 4 * MIB
        assert response.body == LARGE[:response.size]
        assert client.ended
    site.stderr.wait(lambda lines: any("slow/large.bin" in line and "error" in line for line in lines),
                     "the log names the file")
    slow.release()
    assert site.get("/slow/large.bin").sha256 == sha256(LARGE), "the next one is served again"
    site.check_healthy()


@pytest.mark.parametrize("operation, target", [("lookup", "/slow/small.bin"), ("open", "/slow/small.bin"),
                                               ("read", "/slow/small.bin"), ("readdir", "/slow/directory/")])
def test_S6_an_error_before_the_answer_gives_500_and_is_logged_with_the_path(site, slow, operation, target):
    path = target.strip("/")
    site.expected_errors.append(path)
    slow.fail(operation, path.removeprefix("slow/"))
    with site.connect() as client:
        response = client.get(target)
        assert (response.status, response.ending) == (500, COMPLETE)
        assert os.strerror(errno.EIO).encode() not in response.body
        assert client.get("/fast.bin").body == FAST, "the connection goes on"
    site.stderr.wait(lambda lines: any(path in line and "error" in line for line in lines), "the log names the file")
    slow.release()
    assert site.get(target).status == 200, "the error was not kept"
    site.check_healthy()


def test_S8_what_another_thread_could_not_read_is_not_tried_by_the_worker(site, slow, tmp_path):
    """A disk that fails takes its time for that, each time."""
    site.expected_errors.append("large.bin")
    failing = Strace(site.pid, READS, tmp_path, inject=[f"{','.join(READS)}:error=EIO"])
    with failing, slow.holding("read", "large.bin"), site.connect() as client:
        client.request("/slow/large.bin")
        response = client.read_response(seconds=10)
        assert (response.status, response.ending) == (500, COMPLETE) or response.ending in BROKEN, response
        assert not response.size or response.status == 500
    site.stderr.wait(lambda lines: any("slow/large.bin" in line and "error" in line for line in lines),
                     "the log names the file")
    assert_others_are_served(site)
    site.check_healthy()


# -- a disk of this machine -------------------------------------------------------------------------

def drop_pages(path):
    """Makes the kernel forget what it has of a file."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.preadv(descriptor, [bytearray(1)], 0, os.RWF_NOWAIT)
    except BlockingIOError:
        return
    except OSError as error:
        pytest.skip(f"this file system does not tell what is in memory: {error}")
    finally:
        os.close(descriptor)
    pytest.skip("this file system keeps its files in memory")


def calls_of_a_get(site, directory):
    """(what the worker called, what other threads called), each with its place in the order."""
    directory.mkdir()
    with Strace(site.pid, [*READS, "sendfile"], directory) as trace:
        response = site.get("/cold.bin", keep_body=False)
    assert response.sha256 == sha256(LARGE)
    calls = [(number, call) for number, call in enumerate(trace.calls) if call.result > 0]
    sends = [call for call in calls if call[1].name == "sendfile"]
    assert sends, trace.calls
    worker = sends[0][1].thread
    return sends, [call for call in calls if call[1].thread != worker]


def test_S8_a_cold_file_is_read_in_by_another_thread_and_then_sent_by_the_worker(launch, tmp_path):
    site = launch("--threads", "1")
    path = site.put("cold.bin", LARGE)
    drop_pages(path)
    sends, reads = calls_of_a_get(site, tmp_path / "cold")
    assert reads, "nobody but the worker has read the file"
    assert reads[0][0] < sends[0][0], f"sent before it was read: {sends[0]}, {reads[0]}"
    sends, reads = calls_of_a_get(site, tmp_path / "warm")
    assert not reads, f"a file that is in memory was read by another thread: {reads[:5]}"
    assert sum(call.result for _, call in sends) >= 0.9 * len(LARGE)
    site.check_healthy()
