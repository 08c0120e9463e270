"""Devices, cores and number formats are chosen by what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmcheck.backends import devices, precision
from mmcheck.core.errors import UserError


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)


@pytest.mark.usefixtures("no_gpu")
def test_without_a_gpu_auto_is_cpu_and_cuda_is_an_error() -> None:
    assert devices.resolve_device("auto") == "cpu"
    assert devices.resolve_device("cpu") == "cpu"
    with pytest.raises(UserError, match="no GPU") as caught:
        devices.resolve_device("cuda")
    assert "--device cpu" in str(caught.value.hint)


def test_with_a_gpu_auto_is_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert [devices.resolve_device(word) for word in ("auto", "cpu", "cuda")] == ["cuda", "cpu", "cuda"]


def test_an_unknown_device_is_an_error() -> None:
    with pytest.raises(UserError, match="unknown device"):
        devices.resolve_device("tpu")


@pytest.mark.parametrize(
    ("quota", "wanted"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("1000 100000", 1),
        ("", 8),
        ("x y", 8),
        ("5 0", 8),
    ],
)
def test_cores_are_limited_by_the_control_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, wanted: int
) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(devices, "_QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: set(range(8)))
    assert devices.usable_cores() == wanted


def test_threads_follow_the_cores_unless_the_user_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr("torch.set_num_threads", asked.append)
    monkeypatch.setattr(devices, "usable_cores", lambda: 3)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    devices.set_threads()
    assert asked == []
    monkeypatch.delenv("OMP_NUM_THREADS")
    devices.set_threads()
    assert asked == [3]


@pytest.mark.parametrize(
    ("flags", "is_faster", "wanted"),
    [("fpu amx_bf16", True, "bfloat16"), ("avx512_bf16", False, "float32"), ("fpu avx2", True, "float32")],
)
def test_a_cpu_needs_the_flag_and_must_win_the_race(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str, is_faster: bool, wanted: str
) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags\t\t: {flags}\n")
    monkeypatch.setattr(precision, "_CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(precision, "is_bfloat16_faster", lambda: is_faster)
    assert precision.resolve_precision("auto", "cpu") == wanted
    assert precision.resolve_precision("auto", "cuda") == "float16"
    assert precision.resolve_precision("float16", "cpu") == "float16"


def test_without_cpuinfo_there_are_no_flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_CPUINFO", tmp_path / "absent")
    assert precision.has_bfloat16_flags() is False
    assert precision.has_int8_flags() is False


@pytest.mark.parametrize(("flags", "wanted"), [("fpu avx avx2 fma", True), ("fpu avx sse4_2", False)])
def test_int8_wants_avx2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str, wanted: bool) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags\t\t: {flags}\n")
    monkeypatch.setattr(precision, "_CPUINFO", tmp_path / "cpuinfo")
    assert precision.has_int8_flags() is wanted


def test_the_race_is_run_and_short(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0 < precision._race("float32") < 5
    monkeypatch.setattr(precision, "_race", {"bfloat16": 1.0, "float32": 3.0}.__getitem__)
    assert precision.is_bfloat16_faster.__wrapped__() is True
    monkeypatch.setattr(precision, "_race", {"bfloat16": 1.0, "float32": 1.1}.__getitem__)
    assert precision.is_bfloat16_faster.__wrapped__() is False
