"""What every engine can do: run the same shard task somewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from mmcheck.core.types import Shard

T = TypeVar("T")


class Engine(Protocol):
    """Runs a task over shards and passes on what it yields, in no particular order."""

    name: str

    def run(self, task: Callable[[Iterable[Shard]], Iterator[T]], shards: Iterable[Shard]) -> Iterator[T]:
        """Yield whatever the task yields."""
        ...
