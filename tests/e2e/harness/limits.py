"""Bounds in time. Nothing in these tests waits without one.

MIDSTREAM_TIME_FACTOR stretches every bound, for sanitizer builds and slow machines. Durations that
are part of what is tested (a server's timeout) are never stretched by hand: pass them through `limit`
as well, and write them for the command line with `duration`.
"""

import os
import time

FACTOR = float(os.environ.get("MIDSTREAM_TIME_FACTOR", "1"))

_POLL_SECONDS = 0.005


class TookTooLong(AssertionError):
    """Something that had to happen within a bound did not."""


def limit(seconds):
    return seconds * FACTOR


def duration(seconds):
    """The text of a duration for the command line, stretched by the factor."""
    return f"{int(seconds * FACTOR * 1000)}ms"


class Deadline:
    def __init__(self, seconds, what):
        self._end = time.monotonic() + limit(seconds)
        self._what = what

    def left(self):
        """Seconds that are left; raises once there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TookTooLong(self._what)
        return left


def wait_until(condition, what, seconds=10):
    """Waits until `condition()` is true and returns its value. For states that give no event (/proc)."""
    deadline = Deadline(seconds, what)
    while True:
        value = condition()
        if value:
            return value
        try:
            deadline.left()
        except TookTooLong:
            shown = getattr(condition, "explain", lambda: "")()
            raise TookTooLong(f"{what} {shown}".rstrip()) from None
        time.sleep(_POLL_SECONDS)


def observe(seconds):
    """Lets time pass while something is watched, or paces a slow client. Never to make something happen."""
    time.sleep(seconds)
