"""How much may lie decoded before the models come to it: a bound in bytes, not in samples.

An hour of sound is some 350 MB, a thumbnail a few kilobytes, and how large a sample is shows only when it is decoded.
So decoding threads ask before each one whether there is room, and wait if not. The sample that is wanted next may
always go on: what lies ready behind it cannot be taken before it.
"""

from __future__ import annotations

from threading import Condition


class DecodedBytes:
    """Counts what is decoded and not yet taken. Samples are numbered from 0 in the order in which they are taken.

    Args:
        limit: Bytes; what is being decoded at the moment comes on top.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = 0
        self._taken = 0
        self._is_closed = False
        self._changed = Condition()

    def wait_for_room(self, number: int) -> None:
        """Return when sample ``number`` may be decoded."""
        with self._changed:
            self._changed.wait_for(lambda: self._bytes < self._limit or number == self._taken or self._is_closed)

    def put(self, num_bytes: int) -> None:
        """Count a sample that was decoded."""
        with self._changed:
            self._bytes += num_bytes

    def take(self, num_bytes: int) -> None:
        """Count the next sample as taken."""
        with self._changed:
            self._bytes -= num_bytes
            self._taken += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Let all who wait go on: nobody takes anything any more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
