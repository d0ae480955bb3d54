"""L11, L4: files that other programs write: a shell, cat, ffmpeg."""

import os
import shutil
import subprocess

import pytest

from harness.limits import limit, wait_until
from harness.message import BROKEN, COMPLETE, RESET
from harness.payload import KIB, MIB, payload, sha256, sha256_of_file
from harness.swarm import Reader, Swarm
from harness.writers import GrowingFile, WriterProcess


def url(site, name):
    host, port = site.address
    return f"http://{host}:{port}/{name}"


def test_L11_a_shell_loop_is_followed_to_its_end_with_curl(site):
    """curl -N on what a shell loop appends to; each line has arrived before the loop writes the next."""
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    path = site.path("loop.log")
    script = 'while read -r line; do echo "$line"; done >> "$0"'
    with subprocess.Popen(["/bin/sh", "-c", script, path], stdin=subprocess.PIPE) as shell:
        wait_until(lambda: os.path.exists(path), "the shell does not open its log")
        with subprocess.Popen(["curl", "-sSN", "--fail", "--max-time", str(limit(30)), url(site, "loop.log")],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as curl:
            for number in range(50):
                line = b"line %d of the loop\n" % number
                shell.stdin.write(line)
                shell.stdin.flush()
                assert curl.stdout.readline() == line
            shell.stdin.close()
            assert shell.wait(limit(10)) == 0
            assert curl.stdout.read() == b""
            assert (curl.wait(limit(10)), curl.stderr.read()) == (0, b"")


def test_L11_a_shell_loop_at_full_speed(site):
    path = site.path("fast.log")
    script = 'exec >> "$0"; read go; i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done'
    with subprocess.Popen(["/bin/sh", "-c", script, path], stdin=subprocess.PIPE) as shell, site.connect() as client:
        wait_until(lambda: os.path.exists(path), "the shell does not open its log")
        client.request("/fast.log")
        response = client.read_head()
        assert response.framing == "chunked"
        shell.stdin.write(b"go\n")
        shell.stdin.close()
        client.read_rest(response)
        assert response.ending == COMPLETE
        assert response.body == b"".join(b"%d\n" % number for number in range(20_000))


def test_L11_with_two_writers_it_ends_only_after_the_last(site):
    with GrowingFile(site.path("two.log")) as first, WriterProcess(site.path("two.log")) as second, \
            site.connect() as client:
        client.request("/two.log")
        response = client.read_head()
        first.append(b"one ")
        client.read_size(response, 4)
        second.append(b"two ")
        client.read_size(response, 8)
        first.close()
        second.append(b"three")  # arrives, so the close of the first was not the end
        client.read_size(response, 13)
        assert response.ending is None
        second.finish()
        client.read_rest(response)
        assert (response.ending, response.body) == (COMPLETE, b"one two three")


def test_L11_a_writer_that_takes_over_before_the_first_leaves(site):
    with site.grow("relay.log") as first, site.connect() as client:
        client.request("/relay.log")
        response = client.read_head()
        writer = first
        for number in range(20):
            writer.append(b"%02d" % number)
            client.read_size(response, 2 * (number + 1))
            following = GrowingFile(site.path("relay.log"), existing=True)
            writer.close()
            writer = following
        writer.close()
        client.read_rest(response)
        assert (response.ending, response.body) == (COMPLETE, b"".join(b"%02d" % number for number in range(20)))


def test_L4_a_killed_writer_is_a_writer_that_closed(site):
    """The kernel closes the files of a process that dies; nobody can tell that from a close."""
    for version in ("HTTP/1.1", "HTTP/1.0"):
        with WriterProcess(site.path("killed.log")) as writer, site.connect() as client:
            client.request("/killed.log", version=version)
            response = client.read_head()
            writer.append(payload(70_000, seed=version))
            client.read_size(response, len(writer.content))
            writer.kill()
            client.read_rest(response)
            assert (response.ending, response.sha256) == (COMPLETE, writer.sha256)
        os.unlink(site.path("killed.log"))


@pytest.mark.parametrize("version, endings", [("HTTP/1.1", BROKEN), ("HTTP/1.0", (RESET,))])
def test_L11_rename_over_a_followed_file_is_a_failure(site, version, endings):
    with WriterProcess(site.path("over.log")) as writer, site.connect() as client:
        writer.append(payload(MIB, seed="over"))
        client.request("/over.log", version=version)
        response = client.read_head()
        with open(site.path("over.tmp"), "wb") as file:
            file.write(b"new")
        os.rename(site.path("over.tmp"), site.path("over.log"))
        client.read_rest(response, seconds=10)
        assert response.ending in endings
        assert response.sha256 == writer.sha256
    assert site.get("/over.log").body == b"new"
    os.unlink(site.path("over.log"))


def test_L11_truncation_by_another_process_is_a_failure(site):
    with WriterProcess(site.path("cut.log")) as writer, site.connect() as client:
        writer.append(b"x" * 10_000)
        client.request("/cut.log")
        response = client.read_head()
        client.read_size(response, 10_000)
        subprocess.run(["/bin/sh", "-c", ': > "$0"', writer.path], check=True)
        client.read_rest(response, seconds=10)
        assert response.ending in BROKEN


def test_L11_files_in_subdirectories_and_through_links_are_followed(site):
    os.makedirs(site.path("deep/er"), exist_ok=True)
    os.symlink("deep/er/file.log", site.path("link.log"))
    with GrowingFile(site.path("deep/er/file.log")) as growing, \
            site.connect() as direct, site.connect() as linked:
        responses = []
        for client, target in ((direct, "/deep/er/file.log"), (linked, "/link.log")):
            client.request(target)
            responses.append(client.read_head())
        growing.append(payload(100_000))
        growing.close()
        for client, response in zip((direct, linked), responses):
            client.read_rest(response)
            assert (response.framing, response.ending, response.sha256) == ("chunked", COMPLETE, growing.sha256)


def test_L11_a_reader_of_the_file_is_no_writer(site):
    site.put("read.log", b"finished")
    with open(site.path("read.log"), "rb"):
        assert site.get("/read.log").length == 8


def test_L11_a_growing_index_is_followed(site):
    os.makedirs(site.path("live"), exist_ok=True)
    with GrowingFile(site.path("live/index.html")) as growing, site.connect() as client:
        client.request("/live/")
        response = client.read_head()
        growing.append(b"<p>soon")
        client.read_size(response, 7)
        growing.close()
        client.read_rest(response)
        assert (response.ending, response.body) == (COMPLETE, b"<p>soon")


@pytest.mark.bound(30)
def test_L11_the_server_never_keeps_a_writer_from_opening(site):
    """Asking for writers takes a lease for an instant. Were it kept, an open would wait for 45 s to break it."""
    path = site.put("opened.log", payload(64 * KIB))
    with site.connect() as client:
        for _ in range(300):
            client.request("/opened.log")
            descriptor = os.open(path, os.O_WRONLY)
            os.close(descriptor)
            response = client.read_response()
            assert (response.ending, response.sha256) == (COMPLETE, sha256(payload(64 * KIB)))


@pytest.mark.bound(90)
def test_L11_ffmpeg_in_real_time_for_three_clients(site):
    if not shutil.which("ffmpeg"):
        pytest.skip("ffmpeg is not installed")
    path = site.path("live.ts")
    command = ["ffmpeg", "-v", "error", "-nostdin", "-re", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=25",
               "-t", "5", "-c:v", "mpeg2video", "-b:v", "800k", "-flush_packets", "1", "-f", "mpegts", path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as ffmpeg:
        wait_until(lambda: os.path.exists(path) or ffmpeg.poll() is not None, "ffmpeg does not begin", 30)
        assert ffmpeg.poll() is None, ffmpeg.stdout.read()
        with Swarm(site.address, 1, "/live.ts") as clients:
            clients.pump_size(1)
            clients.add(Reader(site.address, "/live.ts", (), "HTTP/1.1", None))
            clients.pump_size(150 * KIB)
            clients.add(Reader(site.address, "/live.ts", (), "HTTP/1.0", None))
            clients.pump_size(200 * KIB)
            assert ffmpeg.poll() is None, "ffmpeg was done before anybody could follow it"
            clients.pump_ends()
            assert (ffmpeg.wait(limit(10)), ffmpeg.stdout.read()) == (0, b"")
            size, digest = os.stat(path).st_size, sha256_of_file(path)
            for response in clients.responses:
                assert (response.ending, response.size, response.sha256) == (COMPLETE, size, digest)
            assert [response.framing for response in clients.responses] == ["chunked", "chunked", "close"]
    os.unlink(path)
