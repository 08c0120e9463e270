from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Lock
from typing import Any

import pytest

import mmcheck
from mmcheck.media.sample_media import SampleMedia
from mmcheck.scanning.decoded_bytes import DecodedBytes
from mmcheck.scanning.measure import ShardMeasuring
from mmcheck.scanning.preparing import Preparing


def test_who_finds_no_room_waits_until_some_is_made() -> None:
    ready = DecodedBytes(10)
    ready.put(10)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ready.wait_for_room, 1)
        with pytest.raises(TimeoutError):
            waiting.result(0.05)
        ready.take(10)
        waiting.result(5)


def test_the_sample_wanted_next_never_waits() -> None:
    ready = DecodedBytes(10)
    ready.put(1000)
    ready.wait_for_room(0)
    ready.put(5)
    ready.take(5)
    ready.wait_for_room(1)


def test_closing_lets_everybody_go() -> None:
    ready = DecodedBytes(1)
    ready.put(1)
    met = Barrier(3)

    def wait(number: int) -> None:
        met.wait(5)
        ready.wait_for_room(number)

    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(wait, number) for number in (1, 2)]
        met.wait(5)
        ready.close()
        for task in waiting:
            task.result(5)


def test_long_recordings_are_not_decoded_far_ahead_of_slow_models(
    make_dataset: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, counts, most = Lock(), {"decoded": 0, "taken": 0}, [0]
    prepare, take = Preparing.prepare, ShardMeasuring._take

    def counted_prepare(self: Preparing, *args: Any) -> Any:
        found = prepare(self, *args)
        with lock:
            counts["decoded"] += 1
            most[0] = max(most[0], counts["decoded"] - counts["taken"])
        return found

    def slow_take(self: ShardMeasuring, *args: Any) -> None:
        time.sleep(0.005)
        with lock:
            counts["taken"] += 1
        take(self, *args)

    monkeypatch.setattr(Preparing, "prepare", counted_prepare)
    monkeypatch.setattr(ShardMeasuring, "_take", slow_take)
    monkeypatch.setattr(SampleMedia, "num_bytes", lambda self: 1 << 30)
    manifest = make_dataset(40)
    options: dict[str, Any] = {"probes": ["media", "caption_text"], "overrides": ["run.workers=2"]}
    run = mmcheck.scan(manifest, tmp_path / "run", **options)
    assert run.summary["rows_read"] == counts["taken"] == counts["decoded"] == 40
    # One that is taken at the moment, one ready, and one in each of the two threads.
    assert most[0] <= 4
