"""Recordings are shared out among threads without losing order, errors or the settings of torch."""

from __future__ import annotations

import threading

import pytest

from mmcheck.backends.whisper_streams import MAX_STREAMS, allowed_threads, map_streams, share_cores, split_recordings


@pytest.mark.parametrize(
    ("cores", "wanted"), [(0, (1, 1)), (1, (1, 1)), (2, (2, 1)), (MAX_STREAMS, (MAX_STREAMS, 1)), (64, (16, 4))]
)
def test_cores_are_shared_out_whole(cores: int, wanted: tuple[int, int]) -> None:
    assert share_cores(cores) == wanted


@pytest.mark.parametrize(("asked", "wanted"), [("3", 3), ("4,2", 4), ("0", 1), ("", 5), ("many", 5)])
def test_threads_follow_the_variable_else_the_cores(asked: str, wanted: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmcheck.backends.whisper_streams.usable_cores", lambda: 5)
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert allowed_threads() == wanted


def test_texts_of_one_recording_stay_together_up_to_a_bound() -> None:
    uses = [0, 1, 0, 0, 1, 5]
    assert split_recordings([5, 0, 2, 3, 1, 4], uses, 2) == [[5], [0, 2], [3], [1, 4]]
    assert split_recordings([], [], 2) == []


@pytest.mark.parametrize("streams", [1, 3])
def test_results_keep_the_order(streams: int) -> None:
    assert map_streams(lambda number: -number, range(20), streams) == [-number for number in range(20)]
    assert map_streams(lambda number: number, [], streams) == []


def test_parts_run_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=20)
    prepared: list[str] = []
    found = map_streams(lambda _: both.wait() >= 0, [0, 1], 2, lambda: prepared.append(threading.current_thread().name))
    assert found == [True, True]
    assert len(set(prepared)) == 2


@pytest.mark.parametrize("streams", [1, 2])
def test_the_first_error_of_the_order_is_raised(streams: int) -> None:
    def work(number: int) -> int:
        if number:
            raise ValueError(str(number))
        return number

    with pytest.raises(ValueError, match="1"):
        map_streams(work, [0, 1, 2], streams)
