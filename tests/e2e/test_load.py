"""S7: 100,000 requests over 256 connections, without an error."""

import re
import shutil
import subprocess

import pytest

from harness.limits import limit
from harness.payload import KIB, payload

REQUESTS = 100_000
CONNECTIONS = 256


@pytest.mark.bound(120)
def test_S7_100000_requests_over_256_connections(site):
    if not shutil.which("wrk"):
        pytest.skip("wrk is not installed")
    site.put("file.bin", payload(4 * KIB))
    host, port = site.address
    done = 0
    rounds = 0
    while done < REQUESTS:
        rounds += 1
        assert rounds <= 40, f"only {done} requests in {rounds} rounds"
        wrk = subprocess.run(["wrk", "-t", "2", "-c", str(CONNECTIONS), "-d", "2s", "--timeout", f"{limit(10):.0f}s",
                              f"http://{host}:{port}/file.bin"], capture_output=True, text=True,
                             timeout=limit(60), check=True)
        assert "Socket errors" not in wrk.stdout, wrk.stdout
        assert "Non-2xx" not in wrk.stdout, wrk.stdout
        done += int(re.search(r"(\d+) requests in ", wrk.stdout)[1])
    assert site.get("/file.bin").body == payload(4 * KIB)
