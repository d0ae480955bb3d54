"""L2: many readers of one growing file, and readers that stall."""
# ctest: label=shared

import pytest

from harness import procfs
from harness.limits import wait_until
from harness.message import COMPLETE
from harness.payload import KIB, MIB, payload
from harness.swarm import Reader, Swarm

READERS = 1000


@pytest.mark.bound(120)
def test_L2_a_thousand_readers_of_one_growing_file(site):
    """Some come before the first byte, some in between, some late; some speak HTTP/1.0."""
    with site.grow("swarm.bin") as growing, Swarm(site.address, READERS // 2, "/swarm.bin") as swarm:
        swarm.pump_heads()
        memory = procfs.memory_bytes(site.pid)
        for step in range(24):
            growing.append(payload(1 + step * 1777, seed=step))
            if step % 8 == 3:
                swarm.pump_size(growing.size)
            if step in (5, 15):
                for number in range(READERS // 4):
                    version = "HTTP/1.0" if number % 5 == 0 else "HTTP/1.1"
                    swarm.add(Reader(site.address, "/swarm.bin", (), version, None))
        growing.close()
        swarm.pump_ends()
        assert len(swarm.responses) == READERS
        endings = {(response.ending, response.size, response.sha256) for response in swarm.responses}
        assert endings == {(COMPLETE, growing.size, growing.sha256)}
        assert procfs.memory_bytes(site.pid) - memory < 64 * MIB


def test_L2_a_stalled_reader_delays_neither_the_writer_nor_others(site):
    with site.grow("stalled.bin") as growing, \
            Swarm(site.address, 20, "/stalled.bin", receive_buffer=8 * KIB) as stalled, \
            site.connect() as client:
        client.request("/stalled.bin")
        response = client.read_head(keep_body=False)
        for number in range(24):
            growing.append(payload(MIB, seed=number))
            client.read_size(response, growing.size, seconds=10)
        growing.close()
        client.read_rest(response)
        assert (response.ending, response.sha256) == (COMPLETE, growing.sha256)
        # Those who stalled lose nothing by it.
        stalled.pump_ends()
        for late in stalled.responses:
            assert (late.ending, late.sha256) == (COMPLETE, growing.sha256)


def test_L2_stalled_readers_hold_one_descriptor_of_the_file_not_many(site):
    """Whatever the number of readers, the file's own descriptors do not grow with it."""
    with site.grow("shared.log") as growing:
        growing.append(b"x")
        with Swarm(site.address, 100, "/shared.log") as swarm:
            swarm.pump_size(1)
            assert 1 <= site.descriptors_of("shared.log") <= 2 * procfs.thread_count(site.pid)
    wait_until(lambda: site.fd_kinds()["socket"] == site.base["socket"], "readers are not gone")


def test_L2_several_growing_files_do_not_disturb_each_other(site):
    growing = [site.grow(f"several-{number}.bin") for number in range(20)]
    swarms = [Swarm(site.address, 5, f"/several-{number}.bin") for number in range(20)]
    for step in range(10):
        for number, file in enumerate(growing):
            file.append(payload(1000 * number + step + 1, seed=f"{number}/{step}"))
        for file, swarm in zip(growing, swarms):
            swarm.pump_size(file.size)
    for file in growing:
        file.close()
    for file, swarm in zip(growing, swarms):
        swarm.pump_ends()
        assert {(one.ending, one.sha256) for one in swarm.responses} == {(COMPLETE, file.sha256)}
        swarm.close()
