"""A stored file says whether it is whole."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from mmcheck.core.errors import RunError
from mmcheck.core.types import Measurement, Metric, Status
from mmcheck.store.run_folder import read_part
from mmcheck.store.schema import find_labels, find_whole_labels, measurements_to_table, write_part
from mmcheck.store.seal import Damaged, check_part, check_yaml, read_json, write_json, write_yaml

METRIC = Metric(name="p.value", description="a value", low=0, higher_is_better=True)


def _part(file: Path, *, embeddings: bool) -> Path:
    rng = np.random.default_rng(0)
    vectors = {"image": rng.standard_normal(8).astype(np.float16)} if embeddings else {}
    measured = [
        Measurement(
            sample_id=f"s{number}",
            probe="p",
            status=Status.MEASURED,
            values={"value": number / 7},
            evidence={"number": number},
            embeddings=vectors,
        )
        for number in range(9)
    ]
    write_part(file, measurements_to_table(measured, [METRIC]), {"fingerprint": "f"})
    return file


@pytest.mark.parametrize("embeddings", [False, True])
def test_every_flipped_bit_and_every_cut_of_a_part_is_noticed(tmp_path: Path, embeddings: bool) -> None:
    data = _part(tmp_path / "00000.parquet", embeddings=embeddings).read_bytes()
    assert check_part(memoryview(data), embeddings=True)
    rng = random.Random(0)
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1 << rng.randrange(8)
        if b"mmcheck-sums-1:" not in changed:
            # Without the mark it reads as a part of a version that wrote none: the values are right, and a scan,
            # which asks for the seal, makes it anew.
            assert not check_part(memoryview(changed), embeddings=True)
            continue
        with pytest.raises(Damaged):
            check_part(memoryview(changed), embeddings=True)
    for size in range(len(data)):
        with pytest.raises(Damaged):
            check_part(memoryview(data)[:size], embeddings=True)


def test_a_damaged_part_is_named_and_has_no_labels(tmp_path: Path) -> None:
    part = _part(tmp_path / "00000.parquet", embeddings=False)
    assert find_whole_labels(part) == find_labels(part)
    assert (find_labels(part) or {})["fingerprint"] == "f"
    data = bytearray(part.read_bytes())
    data[60] ^= 4
    part.write_bytes(data)
    assert find_whole_labels(part) is None
    with pytest.raises(RunError, match=r"00000\.parquet is missing or damaged \(the checksum of its columns") as caught:
        read_part(part)
    assert "mmcheck scan" in str(caught.value.hint)
    part.write_bytes(b"")
    assert find_labels(part) is None
    with pytest.raises(RunError, match=r"00000\.parquet is missing or damaged"):
        read_part(part)


def test_embeddings_are_checked_where_they_are_read(tmp_path: Path) -> None:
    part = _part(tmp_path / "00000.parquet", embeddings=True)
    where = pq.ParquetFile(part).metadata.row_group(0).column(6)
    assert where.path_in_schema.startswith("embedding.")
    data = bytearray(part.read_bytes())
    data[where.data_page_offset + 30] ^= 1
    part.write_bytes(data)
    assert read_part(part)["value"].to_pylist()[7] == 1.0
    assert find_whole_labels(part) is None
    with pytest.raises(RunError, match="checksum of its embeddings"):
        read_part(part, ["embedding.image"])


def test_a_part_of_an_earlier_version_is_read_but_not_taken_for_whole(tmp_path: Path) -> None:
    part = _part(tmp_path / "00000.parquet", embeddings=False)
    table = pq.read_table(part)
    metadata = {key: value for key, value in (table.schema.metadata or {}).items() if key != b"mmcheck.seal"}
    pq.write_table(table.replace_schema_metadata(metadata), part)
    assert read_part(part).num_rows == 9
    assert (find_labels(part) or {})["fingerprint"] == "f"
    assert find_whole_labels(part) is None
    texts = table.set_column(table.column_names.index("evidence"), "evidence", [['{"number": 3'] * 9])
    pq.write_table(texts.replace_schema_metadata(metadata), part)
    with pytest.raises(RunError, match="missing or damaged"):
        read_part(part)


def test_json_and_yaml_say_whether_they_are_whole(tmp_path: Path) -> None:
    value = {"rows": 3, "notes": ["é\udce9", 1.5], "nested": {"checksum": "abc"}}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json", sealed=True) == value
    write_yaml(tmp_path / "a.yaml", "run:\n  seed: 3\n")
    check_yaml(tmp_path / "a.yaml")
    rng = random.Random(0)
    for file in (tmp_path / "a.json", tmp_path / "a.yaml"):
        data = file.read_bytes()
        for at in range(len(data)):
            changed = bytearray(data)
            changed[at] ^= 1 << rng.randrange(8)
            file.write_bytes(changed)
            with pytest.raises(Damaged):
                read_json(file) if file.suffix == ".json" else check_yaml(file)
        for size in range(len(data)):
            file.write_bytes(data[:size])
            with pytest.raises(Damaged):
                read_json(file) if file.suffix == ".json" else check_yaml(file)


def test_json_without_a_checksum_is_read_unless_one_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"rows": 3}\n')
    assert read_json(tmp_path / "a.json") == {"rows": 3}
    with pytest.raises(Damaged, match="no checksum"):
        read_json(tmp_path / "a.json", sealed=True)
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(Damaged, match="not a JSON object"):
        read_json(tmp_path / "a.json")
