"""What decoding may take: memory, reserved before it is taken, and processor time.

A picture of 300 kB can be 100 megapixels of 16 bits, and eight threads may meet eight of them at once. So each decoding
says first, from the header, what it will need, and waits until there is room; what needs more than all the room there
is waits until it is alone. Turns are taken in order, so nothing waits for ever.

Time is that of the processor, of the decoding thread alone: a loaded machine makes no file slow.
"""

from __future__ import annotations

import io
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from mmcheck.core.errors import MediaError

MEMORY_BYTES = 1 << 30
"""Bytes that all decoding threads of the process may take together, the one that needs more than this excepted. Our own
choice: a small machine holds it beside a model."""
MAX_SECONDS = 60.0
"""Processor seconds for one file where nothing else is said (``probes.media.max_decode_seconds``). Our own choice: far
beyond any honest file."""


class DecodingMemory:
    """Room for decoding, handed out in order.

    Args:
        limit: Bytes that are handed out at a time; more only to one that is alone.
    """

    def __init__(self, limit: int = MEMORY_BYTES) -> None:
        self._limit = limit
        self._taken = 0
        self._waiting: deque[object] = deque()
        self._changed = Condition()

    @contextmanager
    def reserve(self, num_bytes: int) -> Iterator[None]:
        """Hold ``num_bytes`` while the block runs; wait for them first. Blocks must not be nested in one thread."""
        with self._changed:
            turn = object()
            self._waiting.append(turn)
            self._changed.wait_for(
                lambda: self._waiting[0] is turn and (not self._taken or self._taken + num_bytes <= self._limit)
            )
            self._waiting.popleft()
            self._taken += num_bytes
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._taken -= num_bytes
                self._changed.notify_all()


DECODING_MEMORY = DecodingMemory()
"""The room of this process."""


class Deadline:
    """Processor time of one decoding, counted from now on in the present thread.

    Args:
        seconds: What it may take.
        kind: What is decoded, for the message.
    """

    def __init__(self, seconds: float, kind: str) -> None:
        self._seconds = seconds
        self._kind = kind
        self._end = time.thread_time() + seconds

    def check(self) -> None:
        """Raise if the time is over.

        Raises:
            MediaError: With cause ``too_slow``.
        """
        if time.thread_time() > self._end:
            raise MediaError(
                f"decoding the {self._kind} takes more than {self._seconds:g} s of processor time; it was stopped",
                cause="too_slow",
                hint="raise probes.media.max_decode_seconds if such files are intended.",
            )


class TimedReader(io.BytesIO):
    """A file in memory that gives up when the time is over: decoders read while they decode.

    Args:
        data: The file.
        deadline: When to give up.
    """

    def __init__(self, data: bytes, deadline: Deadline) -> None:
        super().__init__(data)
        self._deadline = deadline

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes.

        Raises:
            MediaError: If the time is over.
        """
        self._deadline.check()
        return super().read(size)
