#!/usr/bin/python3
"""Runs the benchmarks B1 to B5 and prints one table. README.md says how to read it.

bench/run.py                 everything, about ten minutes
bench/run.py --only B1,B3    some of it
bench/run.py --smoke         everything tiny, about twenty seconds: does it work? No verdict on speed
bench/run.py --peers-only    without Midstream: only what it is compared with
"""

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace

sys.dont_write_bytecode = True
import peers  # noqa: E402
from harness import FDS, Failure, Load, Table, describe_machine, take_turns  # noqa: E402

SOURCE = pathlib.Path(__file__).resolve().parent
ROOT = SOURCE.parent
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
BLOCK = 16 * KIB


@dataclass(frozen=True)
class Scale:
    rounds: int
    long_rounds: int  # of B3 and B4
    wrk_seconds: int
    medium_requests: int  # 1 MiB each, over 16 connections
    large_bytes: int
    large_requests: int
    readers: int
    blocks: int
    idle: int
    idle_seconds: float
    publish_seconds: float


# Many short turns: what else the machine does then hits all contestants alike.
FULL = Scale(15, 7, 1, 500, GIB, 4, 1000, 50, 10_000, 5.0, 0.3)
SMOKE = Scale(1, 1, 1, 50, 8 * MIB, 4, 20, 5, 100, 0.5, 0.01)


class Bench:
    def __init__(self, scale, table, contestants):
        self.scale, self.table, self.peers = scale, table, contestants
        self._make_file("4k.bin", 4 * KIB)
        self._make_file("1m.bin", MIB)
        self._make_file("large.bin", scale.large_bytes)

    def _make_file(self, name, size):
        path = self.peers.files / name
        if path.exists() and path.stat().st_size == size:
            return
        piece = os.urandom(min(size, MIB) - 8)
        with path.open("wb") as file:
            for index in range(0, size, MIB):
                file.write(index.to_bytes(8, "little") + piece)

    def _start(self, stack, name, *starts):
        """Starts those that are there, and looks whether they serve `name` right."""
        servers = []
        for start in starts:
            if server := start():
                servers.append(stack.enter_context(server))
                self.check_download(server, name)
        return servers

    def check_download(self, server, name):
        """Compares one download byte for byte; also warms the caches."""
        connection = http.client.HTTPConnection(server.address, timeout=60)
        connection.request("GET", f"/{name}")
        response = connection.getresponse()
        with (self.peers.files / name).open("rb") as file:
            while expected := file.read(MIB):
                if response.read(len(expected)) != expected:
                    raise Failure(f"{server.name} sent wrong bytes of {name}")
        if response.status != 200 or response.read(1):
            raise Failure(f"{server.name} answered {name} with {response.status} or too many bytes")
        connection.close()

    # ------------------------------------------------------------ B1, B2: finished files

    def b1(self):
        """CPU per request of a 4 KiB file."""
        wrk = peers.find("wrk")
        if not wrk:
            return self.table.note("B1 skipped: wrk is not installed")

        def turn(server):
            before = server.cpu_ns()
            with Load(
                [wrk, "-t1", "-c64", f"-d{self.scale.wrk_seconds}s", "-s", SOURCE / "load/wrk_report.lua"]
                + [f"http://{server.address}/4k.bin"]
            ) as load:
                report = load.finish().rpartition("report ")[2].split()
            requests, _, errors = map(int, report)
            if errors or not requests:
                raise Failure(f"{server.name}: {errors} errors in {requests} requests")
            return {"us": (server.cpu_ns() - before) / 1e3 / requests, "per_s": requests / self.scale.wrk_seconds}

        with contextlib.ExitStack() as stack:
            log = self.peers.files.parent / "access.log"
            log.unlink(missing_ok=True)
            servers = self._start(
                stack,
                "4k.bin",
                lambda: self.peers.floor("writev", "4k.bin"),
                lambda: self.peers.floor("sendfile", "4k.bin"),
                self.peers.midstream,
                lambda: self.peers.midstream("midstream, access log", access_log=log),
                self.peers.midstream_configured,
                self.peers.nginx,
                self.peers.h2o,
            )
            samples = take_turns(servers, self.scale.rounds, turn)

        def row(name, base, **target):
            self.table.compare("B1", "4 KiB, 64 connections", samples, "us", "us CPU/request", name, base, **target)

        row("midstream", "floor writev", at_most=1.12)
        row("midstream", "floor sendfile")
        row("midstream", "nginx", below=1)
        row("midstream", "h2o", below=1)
        row("midstream, access log", "midstream", at_most=1.08)
        row("midstream, configured", "midstream", at_most=1.08)
        for name in ("nginx", "h2o", "floor sendfile"):
            row(name, "floor writev")

    def b2(self):
        """CPU per GiB of finished files."""
        for work, name, size, requests, connections in (
            ("1 MiB, 16 connections", "1m.bin", MIB, self.scale.medium_requests, 16),
            (
                f"{self.scale.large_bytes // MIB} MiB, 1 connection",
                "large.bin",
                self.scale.large_bytes,
                self.scale.large_requests,
                1,
            ),
        ):
            self._finished_file(work, name, size, requests, connections)

    def _finished_file(self, work, name, size, requests, connections):
        def turn(server):
            before = server.cpu_ns()
            with Load(
                [self.peers.tool("download"), "--address", server.address, "--path", f"/{name}", "--size", size]
                + ["--requests", requests, "--connections", connections]
            ) as load:
                report = load.finish_json()
            return {
                "s_per_gib": (server.cpu_ns() - before) / 1e9 / (report["bytes"] / GIB),
                "gib_per_s": report["bytes"] / GIB / report["seconds"],
            }

        with contextlib.ExitStack() as stack:
            servers = self._start(
                stack,
                name,
                lambda: self.peers.floor("sendfile", name),
                self.peers.midstream,
                self.peers.nginx,
                self.peers.h2o,
            )
            samples = take_turns(servers, self.scale.rounds, turn)

        def row(contestant, base, **target):
            self.table.compare("B2", work, samples, "s_per_gib", "s CPU/GiB", contestant, base, **target)

        row("midstream", "floor sendfile", at_most=1.03)
        row("midstream", "nginx", at_most=1)
        row("midstream", "h2o")
        row("nginx", "floor sendfile")
        row("h2o", "floor sendfile")

    # ------------------------------------------------------------ B3: a growing file

    def b3(self):
        """Delivery time and CPU per GiB of a file that grows by 16 KiB every 50 ms."""
        go = self.peers.go_program()
        scale = self.scale

        @dataclass
        class Contestant:
            name: str
            start: object  # () -> (server, options for the load tool)
            declared: bool = False  # the length

        def midstream_unknown_length():
            file = self.peers.files / "live.bin"
            file.unlink(missing_ok=True)
            return self.peers.midstream(), ["--append-to", file]

        def library(*options):
            return lambda: (self.peers.library("library", scale.blocks, *options), ["--start-path", "/start"])

        def go_program(*options):
            return lambda: (self.peers.go("go", go, scale.blocks, *options), ["--start-path", "/start"])

        contestants = []
        if self.peers.has_midstream:
            contestants += [
                Contestant("midstream, unknown length", midstream_unknown_length),
                Contestant("library, unknown length", library()),
                Contestant("library, known length", library("-length"), declared=True),
            ]
        if go:
            contestants += [
                Contestant("go, unknown length", go_program()),
                Contestant("go, known length", go_program("-length"), declared=True),
            ]

        def turn(contestant):
            server, options = contestant.start()
            with server, Load(
                [self.peers.tool("growing_readers"), "--address", server.address, "--path", "/live.bin"]
                + ["--readers", scale.readers, "--blocks", scale.blocks, "--block-size", BLOCK, *options]
            ) as load:
                load.wait_until_ready()
                before = server.cpu_ns()
                report = load.finish_json()
                cpu_ns = server.cpu_ns() - before
            if report["chunked"] != (0 if contestant.declared else scale.readers):
                raise Failure(f"{contestant.name}: {report['chunked']} of {scale.readers} answers were chunked")
            delivered = report["bytes"] - scale.readers * BLOCK  # the first block came before "ready"
            return {
                "s_per_gib": cpu_ns / 1e9 / (delivered / GIB),
                "p50_ms": report["p50_ms"],
                "p99_ms": report["p99_ms"],
                "max_ms": report["max_ms"],
            }

        samples = take_turns(contestants, scale.long_rounds, turn)
        work = f"growing file, {scale.readers} readers"

        def row(key, unit, name, base, **target):
            self.table.compare("B3", work, samples, key, unit, name, base, **target)

        for key, unit, limit in (("p50_ms", "ms p50", 0.6), ("s_per_gib", "s CPU/GiB", 0.5), ("p99_ms", "ms p99", None)):
            # `midstream serve` follows another process, so it never knows the length.
            row(key, unit, "midstream, unknown length", "go, unknown length", at_most=limit)
            row(key, unit, "midstream, unknown length", "go, known length", at_most=limit)
            for length in ("known", "unknown"):
                row(key, unit, f"library, {length} length", f"go, {length} length", at_most=limit)
            row(key, unit, "go, unknown length", "go, known length")
        row("s_per_gib", "s CPU/GiB", "library, unknown length", "library, known length", at_most=1.05)
        if not go:
            self.table.note("B3: Go is not installed, so there is nothing to compare with")
        if self.peers.has_midstream:
            for key, unit in (("p50_ms", "ms p50"), ("s_per_gib", "s CPU/GiB")):
                for name in ("midstream, unknown length", "library, unknown length", "library, known length"):
                    self.table.value("B3", work, samples, key, unit, name)
            self.table.note(
                "B3: midstream is `midstream serve`, told by inotify of what another process writes; library and go "
                "are servers that write the file themselves"
            )

    # ------------------------------------------------------------ B4: the writer's cost

    def b4(self):
        """The writer thread's own time per publish (library)."""
        try:
            benchmark = self.peers.tool("bench_publish")
        except Failure as failure:
            return self.table.note(f"B4 skipped: {failure}")
        with Load(
            [benchmark, "--benchmark_format=json", f"--benchmark_min_time={self.scale.publish_seconds}"]
            + [f"--benchmark_repetitions={self.scale.long_rounds}", "--benchmark_enable_random_interleaving=true"],
            core=None,
        ) as load:
            report = json.loads(load.finish())
        samples = {}
        for entry in report["benchmarks"]:
            if entry["run_type"] != "iteration":
                continue
            if entry.get("error_occurred"):
                raise Failure(f"bench_publish: {entry['name']}: {entry['error_message']}")
            shape, waiters = entry["name"].split("/")[:2]
            samples.setdefault(f"{shape}, {int(waiters):,} waiting", []).append({"ns": entry["real_time"]})

        for shape, work, least in (
            ("NobodyWakes", "publish, nobody to wake", 0),
            ("AllWake", "publish, all are woken", 1),
            ("Racing", "publish, again and again", 1),
        ):
            for count, limit in (("100", None), ("10,000", None if shape == "Racing" else 1.5)):
                self.table.compare(
                    "B4", work, samples, "ns", "ns", f"{shape}, {count} waiting", f"{shape}, {least} waiting", limit
                )

    # ------------------------------------------------------------ B5: many that wait

    def b5(self):
        """Memory per waiting connection, and CPU while nothing happens."""
        scale = self.scale
        rounds = min(3, scale.rounds)  # memory hardly varies
        go = self.peers.go_program()

        @dataclass
        class Contestant:
            name: str
            start: object  # () -> server, or None where it is not installed
            path: str
            connections: int
            options: tuple = ()

        file = self.peers.files / "idle.bin"
        waiting, keep_alive = [], []
        waiting.append(Contestant("midstream", self.peers.midstream, "/idle.bin", scale.idle, ("--append-to", file)))
        keep_alive.append(Contestant("midstream", self.peers.midstream, "/4k.bin", scale.idle))
        if go:
            start = lambda: self.peers.go("go", go, 1, "-block-size", "1024")  # noqa: E731
            fits = min(scale.idle, (FDS - 500) // 2)  # each of its readers opens the file too
            waiting.append(Contestant("go", start, "/live.bin", fits, ("--start-path", "/start")))
        keep_alive.append(Contestant("nginx", self.peers.nginx, "/4k.bin", scale.idle))
        keep_alive.append(Contestant("h2o", self.peers.h2o, "/4k.bin", scale.idle))

        def turn(contestant):
            file.unlink(missing_ok=True)
            server = contestant.start()
            if not server:
                return None
            with server:
                if contestant.path == "/4k.bin":
                    self.check_download(server, "4k.bin")
                empty = server.rss_bytes()
                with Load(
                    [self.peers.tool("idle_readers"), "--address", server.address, "--path", contestant.path]
                    + ["--connections", contestant.connections, *contestant.options]
                ) as load:
                    load.wait_until_ready()
                    time.sleep(0.5)  # what follows the last answer is not idleness
                    rss, cpu = server.rss_bytes(), server.cpu_ns()
                    time.sleep(scale.idle_seconds)
                    idle_cpu = server.cpu_ns() - cpu
                    load.finish_json()
            return {
                "kib": (rss - empty) / KIB / contestant.connections,
                "ms_per_s": idle_cpu / 1e6 / scale.idle_seconds,
            }

        for work, contestants, limit in (
            (f"{scale.idle:,} readers wait on a growing file", waiting, 3),
            (f"{scale.idle:,} idle keep-alive connections", keep_alive, 2),
        ):
            samples = {name: [s for s in got if s] for name, got in take_turns(contestants, rounds, turn).items()}
            for name in samples:
                ours = name == "midstream"
                self.table.value("B5", work, samples, "kib", "KiB each", name, at_most=limit if ours else None)
                # "0 CPU": less than a thousandth of a core, so that a timer per second does not count.
                self.table.value("B5", work, samples, "ms_per_s", "ms CPU per s", name, at_most=1 if ours else None)


def midstream_binary(options):
    if options.peers_only:
        return None
    for candidate in (options.build / "midstream", options.build / "bin" / "midstream"):
        if candidate.exists():
            return candidate
    sys.exit(f"bench: {options.build}/midstream is missing: build it with `cmake --build --preset release`")


def main():
    parser = argparse.ArgumentParser(description="Runs the benchmarks. bench/README.md says how to read them.")
    parser.add_argument("--only", default="B1,B2,B3,B4,B5", help="for example B1,B3")
    parser.add_argument("--smoke", action="store_true", help="tiny: does it work?")
    parser.add_argument("--peers-only", action="store_true", help="without Midstream")
    parser.add_argument("--rounds", type=int, help="turns of each contestant")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--output", type=pathlib.Path, help="default: build/bench, for --smoke build/bench-smoke")
    options = parser.parse_args()
    wanted = options.only.upper().split(",")
    if unknown := set(wanted) - {"B1", "B2", "B3", "B4", "B5"}:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are stopped

    output = options.output or ROOT / "build" / ("bench-smoke" if options.smoke else "bench")
    output.mkdir(parents=True, exist_ok=True)
    scale = SMOKE if options.smoke else FULL
    if options.rounds:
        scale = replace(scale, rounds=options.rounds, long_rounds=options.rounds)
    table = Table(options.smoke)
    machine = describe_machine()
    print(machine, flush=True)
    for name in peers.names_missing():
        table.note(f"{name} is not installed (scripts/install-bench-peers.sh): skipped")
    contestants = peers.Peers(SOURCE, output.resolve(), options.build / "bench", midstream_binary(options))
    try:
        bench = Bench(scale, table, contestants)
        for name in wanted:
            run = getattr(bench, name.lower())
            print(f"{name}: {run.__doc__}", flush=True)
            run()
    except (Failure, OSError, subprocess.SubprocessError) as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    text = table.markdown(machine)
    (output / "table.md").write_text(text)
    (output / "results.json").write_text(
        json.dumps({"machine": machine, "smoke": options.smoke, "samples": table.samples}, indent=1) + "\n"
    )
    print("\n" + text, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
