"""Names become folders or clear errors; digests follow contents and are remembered."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcheck.backends import weight_digests, weights
from mmcheck.backends.weights import (
    bundled_names,
    find_bundled,
    folder_digest,
    is_repo_id,
    no_network,
    resolve_folder,
    unknown_model,
)
from mmcheck.core.digests import digest_file
from mmcheck.core.errors import WeightsError


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    (folder / "small-clip").mkdir(parents=True)
    (folder / "small-clip" / "open_clip_config.json").write_text("{}")
    (folder / "no-model").mkdir()
    monkeypatch.setattr(weights, "bundled_dir", lambda _name: folder)
    return folder


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "mmcheck" / "digests.json"


def test_bundled_names_are_folders_with_a_config(bundled: Path) -> None:
    assert bundled_names() == ["small-clip"]
    assert find_bundled("small-clip") == bundled / "small-clip"


@pytest.mark.parametrize("name", ["no-model", "../models/small-clip", "small-clip/", "", ".", "SMALL-CLIP"])
def test_other_names_are_not_bundled(bundled: Path, name: str) -> None:
    assert find_bundled(name) is None


def test_an_incomplete_installation_has_no_bundled_models(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> Path:
        raise FileNotFoundError

    monkeypatch.setattr(weights, "bundled_dir", missing)
    assert bundled_names() == []
    assert find_bundled("tiny-clip") is None


def test_a_bundled_name_wins_over_a_folder_of_that_name(
    bundled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here" / "small-clip").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    assert resolve_folder("small-clip") == bundled / "small-clip"
    assert resolve_folder("./small-clip") == tmp_path / "here" / "small-clip"
    assert resolve_folder("local-dir:./small-clip") == tmp_path / "here" / "small-clip"


@pytest.mark.parametrize("name", ["", "  ", "\0", "~nobody-of-that-name/x", "x" * 5000, "ViT-B-32", "org/name"])
def test_what_is_no_folder_is_none(name: str) -> None:
    assert resolve_folder(name) is None


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert resolve_folder(str(tmp_path / "file")) is None


@given(st.text(max_size=60))
def test_any_name_resolves_or_is_none(name: str) -> None:
    found = resolve_folder(name)
    assert found is None or found.is_dir()
    assert isinstance(is_repo_id(name), bool)


def test_an_unknown_name_gets_the_nearest() -> None:
    error = unknown_model("larg-v3", ["tiny", "large-v3"], kind="Whisper model")
    assert "unknown Whisper model 'larg-v3'" in error.message
    assert "did you mean 'large-v3'" in str(error.hint)
    assert error.exit_code == 2


def test_an_unknown_path_is_called_a_folder() -> None:
    error = unknown_model("./models/nothing", ["tiny"])
    assert "there is no such folder" in error.message


def write_model(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def test_the_digest_follows_content_and_names_of_model_files_only(tmp_path: Path) -> None:
    first = folder_digest(write_model(tmp_path / "a"))
    assert folder_digest(write_model(tmp_path / "b")) == first
    for ignored in ("README.md", ".gitattributes", "LICENSE", "picture.png"):
        (tmp_path / "b" / ignored).write_text("x")
    (tmp_path / "b" / ".cache").mkdir()
    (tmp_path / "b" / ".cache" / "x.json").write_text("x")
    assert folder_digest(tmp_path / "b") == first
    (tmp_path / "b" / "model.safetensors").write_bytes(b"Weights")
    changed = folder_digest(tmp_path / "b")
    (tmp_path / "b" / "model.safetensors").rename(tmp_path / "b" / "other.safetensors")
    assert len({first, changed, folder_digest(tmp_path / "b")}) == 3


def test_the_digest_can_be_of_some_files(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "a")
    only = folder_digest(folder, ["model.safetensors"])
    (folder / "config.json").write_text("[]")
    assert folder_digest(folder, ["model.safetensors"]) == only


@pytest.mark.parametrize("name", ["empty", "absent"])
def test_a_folder_without_model_files_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeightsError, match="no model files"):
        folder_digest(tmp_path / name)


def test_a_large_file_is_hashed_once_until_it_changes(
    tmp_path: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[Path] = []
    monkeypatch.setattr(weight_digests, "_SMALL", 4)
    monkeypatch.setattr(weight_digests, "digest_file", lambda path: (hashed.append(path), digest_file(path))[1])
    large = tmp_path / "large.bin"
    large.write_bytes(b"first content")
    first = weight_digests.remembered_digest(large)
    assert weight_digests.remembered_digest(large) == first == digest_file(large)
    assert len(hashed) == 1
    large.write_bytes(b"other content")
    os.utime(large, ns=(1, 1))
    assert weight_digests.remembered_digest(large) == digest_file(large) != first
    assert len(hashed) == 2


@pytest.mark.parametrize("content", ["", "[]", "{", '{"x": 3}', "\0"])
def test_a_broken_memory_is_no_harm(
    tmp_path: Path, memory: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.setattr(weight_digests, "_SMALL", 1)
    memory.parent.mkdir(parents=True)
    memory.write_text(content.replace("x", str(tmp_path / "large.bin")))
    (tmp_path / "large.bin").write_bytes(b"content")
    assert weight_digests.remembered_digest(tmp_path / "large.bin") == digest_file(tmp_path / "large.bin")
    assert isinstance(json.loads(memory.read_text()), dict)


def test_a_memory_that_cannot_be_written_is_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weight_digests, "_SMALL", 1)
    (tmp_path / "in-the-way").write_text("x")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "in-the-way"))
    (tmp_path / "large.bin").write_bytes(b"content")
    assert weight_digests.remembered_digest(tmp_path / "large.bin") == digest_file(tmp_path / "large.bin")


def test_inside_no_network_the_hub_client_refuses_every_request() -> None:
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import OfflineModeIsEnabled

    before = constants.HF_HUB_OFFLINE
    with no_network(), pytest.raises(OfflineModeIsEnabled):
        HfApi(endpoint="http://127.0.0.1:9").model_info("org/name")
    assert before == constants.HF_HUB_OFFLINE
