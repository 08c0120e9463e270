"""Whatever NumPy writes is read as it was; whatever else a file holds is refused in a sentence."""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy

from mmcheck.core.errors import UserError
from mmcheck.vectors.arrays import Stacked, read_npy, read_npz, unpack

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ARRAYS = of_numpy.arrays(
    dtype=st.sampled_from([np.float16, np.float32, np.float64, np.int64, np.dtype("<U7")]),
    shape=of_numpy.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=7),
)


@QUICK
@given(ARRAYS, st.booleans(), st.sampled_from([np.savez, np.savez_compressed, None]))
def test_arrays_come_back(tmp_path: Path, array: np.ndarray, fortran: bool, save: object) -> None:
    array = np.asfortranarray(array) if fortran else array
    if save is None:
        np.save(tmp_path / "a.npy", array)
        found = read_npy(tmp_path / "a.npy")
    else:
        save(tmp_path / "a.npz", other=np.arange(3), it=array)  # type: ignore[operator]
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        for old in scratch.iterdir():
            old.unlink()
        found = unpack(read_npz(tmp_path / "a.npz", scratch)["it"])
    assert found.shape == array.shape
    np.testing.assert_array_equal(found.open(), array)


@QUICK
@given(st.data())
def test_damaged_files_are_refused_or_read(tmp_path: Path, data: st.DataObject) -> None:
    buffer = io.BytesIO()
    array = np.arange(24, dtype=np.float32).reshape(6, 4)
    if is_npz := data.draw(st.booleans()):
        np.savez(buffer, image=array, text=array)
    else:
        np.save(buffer, array)
    raw = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(0, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    file = tmp_path / "v.bin"
    file.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
    with suppress(UserError):
        found = list(read_npz(file, tmp_path).values()) if is_npz else [read_npy(file)]
        for one in found:
            if one.is_matrix and len(one):
                Stacked([one]).take(np.arange(len(one)))


@QUICK
@given(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.data())
def test_stacked_arrays_are_one(tmp_path: Path, sizes: list[int], data: st.DataObject) -> None:
    arrays = [
        np.full((size, 3), number, dtype=np.float16 if number % 2 else np.float32) for number, size in enumerate(sizes)
    ]
    for number, array in enumerate(arrays):
        np.save(tmp_path / f"{number}.npy", array + np.arange(len(array))[:, None].astype(array.dtype))
    stacked = Stacked([read_npy(tmp_path / f"{number}.npy") for number in range(len(sizes))])
    whole = np.concatenate([np.load(tmp_path / f"{number}.npy") for number in range(len(sizes))])
    assert len(stacked) == len(whole)
    rows = data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=8)) if len(whole) else []
    np.testing.assert_array_equal(stacked.take(np.array(rows, dtype=np.int64)), whole[rows])


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    ran: list[int] = []

    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (ran.append, (1,))

    np.save(tmp_path / "a.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "a.npz", image=np.array([Trap()], dtype=object), text=np.zeros((2, 2), np.float32))
    with pytest.raises(UserError, match="never opened"):
        read_npy(tmp_path / "a.npy")
    assert set(read_npz(tmp_path / "a.npz", tmp_path)) == {"text"}
    assert not ran


def test_a_cut_file_tells_how_much_is_there(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((10, 4), np.float32))
    file = tmp_path / "a.npy"
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(UserError, match="10 rows need 160 bytes, and 120 are there"):
        read_npy(file)


def test_other_members_of_an_archive_are_left_alone(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", image=np.zeros((2, 2), np.float32))
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("README.txt", "hello")
    assert list(read_npz(tmp_path / "a.npz", tmp_path)) == ["image"]
