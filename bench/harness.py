"""What every benchmark needs: servers and loads on their own cores, CPU and memory of a server, turns, medians.

Only ratios of numbers taken in the same run count. So contestants take turns (A B C, C B A, ...), each round
gives one ratio, and the table shows the median ratio, with the range that holds the middle half of them.
"""

import contextlib
import ctypes
import json
import os
import pathlib
import resource
import signal
import socket
import statistics
import subprocess
import time

_cores = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = _cores[0], _cores[-1]
_hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
FDS = min(25_000, _hard_limit)  # of each server and each load tool


class Failure(Exception):
    """Something does not work. Slowness never is one."""


# ---------------------------------------------------------------- processes

_libc = ctypes.CDLL(None)


def _child_setup(core):
    def setup():
        os.sched_setaffinity(0, _cores if core is None else {core})
        _libc.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG: nothing survives this program
        resource.setrlimit(resource.RLIMIT_NOFILE, (FDS, _hard_limit))
        with contextlib.suppress(OSError):  # only root may: fewer interruptions by whatever else runs
            os.setpriority(os.PRIO_PROCESS, 0, -5)

    return setup


def _children(pid):
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid:
                yield int(stat.parent.name)


def _process_cpu_ns(pid):
    """All threads. schedstat has nanoseconds but only of threads that live; stat has all, in ticks.
    Neither is ever more than the truth, so the larger is the better."""
    total = 0
    for schedstat in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):
            total += int(schedstat.read_text().split()[0])
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return max(total, ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK"))


class Server:
    """A server on the server core, with its worker processes. Use as a context manager."""

    def __init__(self, name, command, address=None, env=None, log=None):
        """Without `address`, the server prints "... listening on http://ADDRESS" when it is ready."""
        self.name = name
        self._log = open(log, "ab") if log else None
        self._process = subprocess.Popen(
            [str(word) for word in command],
            stdout=self._log if address else subprocess.PIPE,
            stderr=self._log,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(env or {})},
            preexec_fn=_child_setup(SERVER_CORE),
        )
        try:
            self.address = address or self._printed_address()
            self._wait_for_port()
        except BaseException:
            self.stop()
            raise

    def _printed_address(self):
        for line in self._process.stdout:
            if b"listening on http://" in line:
                return line.decode().strip().rpartition("//")[2].rstrip("/")
        raise Failure(f"{self.name} ended before it listened")

    def _wait_for_port(self):
        host, _, port = self.address.rpartition(":")
        deadline = time.monotonic() + 10
        while True:
            try:
                return socket.create_connection((host, int(port)), 1).close()
            except OSError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise Failure(f"{self.name} does not listen on {self.address}: {error}") from error
                time.sleep(0.02)

    def pids(self):
        return [self._process.pid, *_children(self._process.pid)]

    def cpu_ns(self):
        if self._process.poll() is not None:
            raise Failure(f"{self.name} died with {self._process.returncode}")
        return sum(_process_cpu_ns(pid) for pid in self.pids())

    def rss_bytes(self):
        pages = sum(int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.pids())
        return pages * os.sysconf("SC_PAGESIZE")

    def stop(self):
        pids = self.pids() if self._process.poll() is None else []
        if pids:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                for pid in pids:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                self._process.wait()
        for stream in (self._process.stdout, self._log):
            if stream:
                stream.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Load:
    """A load tool on the load core. Tools that wait print "ready" and go on after a line on their input."""

    def __init__(self, command, core=LOAD_CORE):
        """`core`: None for a program that needs all of them."""
        self._name = pathlib.Path(str(command[0])).name
        self._process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_child_setup(core),
        )

    def wait_until_ready(self):
        if self._process.stdout.readline().strip() != "ready":
            self.finish()
            raise Failure(f"{self._name} never became ready")

    def finish(self, timeout_s=180):
        """Lets the tool go on, gives what it printed."""
        try:
            out, err = self._process.communicate("go\n", timeout_s)
        except subprocess.TimeoutExpired as error:
            self._process.kill()
            self._process.wait()
            raise Failure(f"{self._name} did not finish within {timeout_s} s") from error
        if self._process.returncode != 0:
            raise Failure(f"{self._name} failed: {(err.strip() or out.strip())[:500]}")
        return out

    def finish_json(self):
        return json.loads(self.finish().splitlines()[-1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            with contextlib.suppress(BrokenPipeError):
                stream.close()


# ---------------------------------------------------------------- turns and ratios


def take_turns(contestants, rounds, turn):
    """turn(contestant) -> dict of numbers. Gives {name: [dict, ...]}, one per round."""
    samples = {contestant.name: [] for contestant in contestants}
    for index in range(rounds):
        for contestant in contestants if index % 2 == 0 else reversed(contestants):
            samples[contestant.name].append(turn(contestant))
    return samples


def median_of(samples, key):
    return statistics.median(sample[key] for sample in samples)


def ratios_of(samples, base, key):
    """Median of the per-round ratios, lower and upper quartile."""
    ratios = sorted(a[key] / b[key] for a, b in zip(samples, base) if b[key] > 0)
    if not ratios:
        return None
    return statistics.median(ratios), ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]


class Table:
    """One row per comparison. Everything measured also goes to results.json."""

    HEAD = ("", "work", "measured", "compared with", "ratio (middle half)", "target", "verdict")

    def __init__(self, smoke):
        self._smoke = smoke
        self.rows = []
        self.notes = []
        self.samples = {}

    def note(self, text):
        self.notes.append(text)
        print(f"note: {text}", flush=True)

    def compare(self, bench, work, samples, key, unit, name, base, at_most=None, below=None):
        """A row for `name` beside `base`, unless one of them did not run."""
        self.samples.setdefault(bench, {}).setdefault(work, {}).update(samples)
        if not samples.get(name) or not samples.get(base):
            return
        ratio = ratios_of(samples[name], samples[base], key)
        if ratio is None:
            return
        limit = at_most if at_most is not None else below
        target = "" if limit is None else f"<= {at_most:g}" if at_most is not None else f"< {below:g}"
        met = None
        if limit is not None:
            met = ratio[0] <= limit if at_most is not None else ratio[0] < limit
        self._add(
            bench,
            work,
            f"{name}: {median_of(samples[name], key):.4g} {unit}",
            f"{base}: {median_of(samples[base], key):.4g}",
            f"{ratio[0]:.3f} ({ratio[1]:.3f} to {ratio[2]:.3f})",
            target,
            met,
        )

    def value(self, bench, work, samples, key, unit, name, at_most=None):
        """A row for a number that has a target of its own."""
        self.samples.setdefault(bench, {}).setdefault(work, {}).update(samples)
        if not samples.get(name):
            return
        value = median_of(samples[name], key)
        target = "" if at_most is None else f"<= {at_most:g} {unit}"
        self._add(
            bench, work, f"{name}: {value:.4g} {unit}", "", "", target, None if at_most is None else value <= at_most
        )

    def _add(self, bench, work, measured, base, ratio, target, met):
        verdict = "" if met is None else "ran" if self._smoke else "met" if met else "MISSED"
        self.rows.append((bench, work, measured, base, ratio, target, verdict))
        print("  " + " | ".join(cell for cell in self.rows[-1] if cell), flush=True)

    def markdown(self, machine):
        lines = [f"{machine}", "", "| " + " | ".join(self.HEAD) + " |", "|" + "---|" * len(self.HEAD)]
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        lines += [""] + [f"- {note}" for note in self.notes] if self.notes else []
        return "\n".join(lines) + "\n"


def describe_machine():
    model = "unknown CPU"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return (
        f"Linux {os.uname().release}, {model}, {len(_cores)} cores; server on core {SERVER_CORE}, "
        f"load on core {LOAD_CORE}; load average before: {os.getloadavg()[0]:.2f}"
    )
