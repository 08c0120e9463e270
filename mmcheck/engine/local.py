"""The engine of one machine: the task runs here, in this process, over all shards in order."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TypeVar

from mmcheck.core.types import Shard

T = TypeVar("T")


class LocalEngine:
    """Runs the task in this process. One process is enough: decoding threads release the GIL, the model its own."""

    name = "local"

    def run(self, task: Callable[[Iterable[Shard]], Iterator[T]], shards: Iterable[Shard]) -> Generator[T, None, None]:
        """Yield whatever the task yields."""
        yield from task(shards)
