"""What every engine can do: run the same shard task somewhere."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import ClassVar, Protocol, TypeVar, cast, runtime_checkable

from mmcheck.core import parts
from mmcheck.core.registry import Registry
from mmcheck.core.types import Shard

T = TypeVar("T")


@runtime_checkable
class Engine(Protocol):
    """Runs a task over shards and passes on what it yields, in no particular order."""

    name: ClassVar[str]

    def run(self, task: Callable[[Iterable[Shard]], Iterator[T]], shards: Iterable[Shard]) -> Generator[T, None, None]:
        """Yield whatever the task yields; closed early where a run is stopped, and then it closes the task's."""
        ...


ENGINES = cast("Registry[Engine]", parts.ENGINES)
"""The table of engines, for those who make them."""
