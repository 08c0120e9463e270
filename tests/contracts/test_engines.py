"""What every registered engine keeps to: each shard once, what the task yields, and an end when it is closed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from mmcheck.core.parts import ENGINES
from mmcheck.core.types import Shard
from mmcheck.engine.base import Engine

SHARDS = [Shard(index=number, start=10 * number, stop=10 * number + 10) for number in range(5)]


class Task:
    """Yields two events a shard, and remembers which shards it saw and whether it was closed."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.is_closed = False

    def __call__(self, shards: Iterable[Shard]) -> Iterator[str]:
        try:
            for shard in shards:
                self.seen.append(shard.index)
                yield f"begin {shard.index}"
                yield f"end {shard.index}"
        finally:
            self.is_closed = True


@pytest.mark.parametrize("name", ENGINES.names())
def test_every_shard_is_measured_once_and_all_is_passed_on(name: str) -> None:
    engine, task = ENGINES.get(name)(), Task()
    assert isinstance(engine, Engine)
    assert engine.name == name
    events = list(engine.run(task, iter(SHARDS)))
    assert sorted(task.seen) == [0, 1, 2, 3, 4]
    assert sorted(events) == sorted(f"{word} {shard.index}" for shard in SHARDS for word in ("begin", "end"))
    assert list(engine.run(Task(), [])) == []


@pytest.mark.parametrize("name", ENGINES.names())
def test_a_stopped_run_stops_the_task(name: str) -> None:
    task = Task()
    events = ENGINES.get(name)().run(task, SHARDS)
    next(events)
    events.close()
    assert task.is_closed
    assert len(task.seen) < len(SHARDS)


@pytest.mark.parametrize("name", ENGINES.names())
def test_what_stops_the_task_is_not_hidden(name: str) -> None:
    def failing(shards: Iterable[Shard]) -> Iterator[str]:
        yield "one"
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        list(ENGINES.get(name)().run(failing, SHARDS))
