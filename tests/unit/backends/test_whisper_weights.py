from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pytest

import mmcheck.backends.whisper_weights as module
from mmcheck.backends.whisper_weights import ensure_ctranslate2, find_whisper, hub_files, inspect_folder, num_mels
from mmcheck.core.errors import OutputError, WeightsError

_SPEC = importlib.util.spec_from_file_location(
    "whisper_folders", Path(__file__).resolve().parents[2] / "fixtures" / "whisper_folders.py"
)
assert _SPEC is not None
assert _SPEC.loader is not None
folders = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(folders)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folders.write_transformers(tmp_path_factory.mktemp("source"), bands=128)


@pytest.fixture(scope="module")
def converted(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folders.write_ctranslate2(source, tmp_path_factory.mktemp("ct2") / "model")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "mmcheck" / "ctranslate2"


def test_each_format_is_recognised(source: Path, converted: Path) -> None:
    left, right = inspect_folder(source), inspect_folder(converted)
    assert (left.transformers, left.ctranslate2, left.backend("auto")) == (source, None, "transformers")
    assert (right.transformers, right.ctranslate2, right.backend("auto")) == (None, converted, "ctranslate2")
    assert left.backend("ctranslate2") == "ctranslate2"
    with pytest.raises(WeightsError, match=r"ctranslate2 weights only[\s\S]*hint: "):
        right.backend("transformers")
    assert num_mels(source) == num_mels(converted) == 128


def test_a_folder_may_hold_both(source: Path, converted: Path, tmp_path: Path) -> None:
    both = Path(shutil.copytree(converted, tmp_path / "both"))
    shutil.copytree(source, both / "transformers")
    found = inspect_folder(both)
    assert (found.ctranslate2, found.transformers) == (both, both / "transformers")
    assert found.backend("auto") == "transformers"
    assert ensure_ctranslate2(found) == both
    assert found.all_weights() == inspect_folder(source).all_weights() | inspect_folder(converted).all_weights()
    assert len(found.all_weights()) == 2


def test_digests_follow_the_weights_and_nothing_else(converted: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(converted, tmp_path / "copy"))
    before = inspect_folder(folder).digest()
    (folder / "README.md").write_text("a card")
    (folder / "notes.txt").write_text("x")
    assert inspect_folder(folder).digest() == before == inspect_folder(converted).digest()
    data = bytearray((folder / "model.bin").read_bytes())
    data[-1] ^= 1
    (folder / "model.bin").write_bytes(data)
    assert inspect_folder(folder).digest() != before


def test_conversion_happens_once_and_speaks_the_same_language(source: Path, cache: Path) -> None:
    from mmcheck.backends.whisper_tokenizer import load_tokenizer
    from mmcheck.backends.whisper_transcriber import load_faster_whisper

    folder = ensure_ctranslate2(inspect_folder(source))
    assert folder.parent == cache
    assert [path.name for path in cache.iterdir()] == [folder.name]
    stamp = (folder / "model.bin").stat().st_mtime_ns
    assert ensure_ctranslate2(inspect_folder(source)) == folder
    assert (folder / "model.bin").stat().st_mtime_ns == stamp
    model = load_faster_whisper(folder, device="cpu", compute_type="float32")
    assert model.model.n_mels == 128
    assert load_tokenizer(folder).sha256 == load_tokenizer(source).sha256


def test_conversion_survives_missing_extras(source: Path, cache: Path, tmp_path: Path) -> None:
    bare = Path(shutil.copytree(source, tmp_path / "bare"))
    (bare / "preprocessor_config.json").unlink()
    (bare / "generation_config.json").unlink()
    folder = ensure_ctranslate2(inspect_folder(bare))
    assert json.loads((folder / "preprocessor_config.json").read_text())["feature_size"] == 128
    config = json.loads((folder / "config.json").read_text())
    assert config["suppress_ids"] == config["suppress_ids_begin"] == []


def test_a_failed_conversion_leaves_nothing_behind(source: Path, cache: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(source, tmp_path / "broken"))
    (broken / "model.safetensors").write_bytes(b"junk")
    with pytest.raises(WeightsError, match="cannot load the Whisper weights"):
        ensure_ctranslate2(inspect_folder(broken))
    assert list(cache.iterdir()) == []


def test_an_unwritable_cache_is_told(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(OutputError, match="XDG_CACHE_HOME"):
        ensure_ctranslate2(inspect_folder(source))


def test_folders_without_whisper_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="holds no Whisper weights"):
        inspect_folder(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(WeightsError, match="pickled"):
        inspect_folder(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "clip"}')
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(WeightsError, match="holds no Whisper weights"):
        inspect_folder(tmp_path)
    (tmp_path / "config.json").write_text("[1]")
    with pytest.raises(WeightsError, match="must hold a JSON object"):
        inspect_folder(tmp_path)


def test_names_stand_for_repositories() -> None:
    base = hub_files("base")
    assert base is not None
    assert base.repo_id == "Systran/faster-whisper-base"
    assert "model.bin" in base.patterns
    original = hub_files("large", backend="transformers")
    assert original is not None
    assert original.repo_id == "openai/whisper-large-v3"
    either = hub_files("hf-hub:someone/whisper-x")
    assert either is not None
    assert either.repo_id == "someone/whisper-x"
    assert either.patterns[0].startswith("model.bin|model.safetensors")
    assert hub_files("no-such-size") is None


def test_unknown_names_are_told_with_the_nearest() -> None:
    with pytest.raises(WeightsError, match=r"unknown Whisper model 'bsae'[\s\S]*did you mean 'base'"):
        find_whisper("bsae")


def test_names_are_downloaded_and_folders_are_not(converted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def fake(repo_id: str, **_options: object) -> Path:
        asked.append(repo_id)
        return converted

    monkeypatch.setattr(module, "download", fake)
    assert find_whisper("tiny").ctranslate2 == converted
    assert asked == ["Systran/faster-whisper-tiny"]
    assert find_whisper(str(converted)).ctranslate2 == converted
    assert len(asked) == 1
