"""The list of models, cards that are held against files, and models that are tried."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mmcheck.backends import model_catalogue, open_clip_names
from mmcheck.backends.model_catalogue import check_card, check_model, list_models, pull_model
from mmcheck.backends.weights import bundled_names
from mmcheck.core.digests import digest_file
from mmcheck.core.errors import WeightsError

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from tests.fixtures.small_ctc import write_ctc
from tests.integration.tiny_models import make_faster_whisper, make_hf_clip, make_open_clip


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_the_list_holds_what_is_bundled_and_what_presets_name() -> None:
    entries = {entry.name: entry for entry in list_models()}
    for name in bundled_names():
        assert entries[name].kind == "bundled"
        assert entries[name].num_bytes
        assert len(str(entries[name].sha256)) == 64
    default = [entry for entry in entries.values() if "default" in entry.used_by]
    assert {entry.task for entry in default} == {"image_text", "transcript"}
    for entry in default:
        assert (entry.kind, entry.path, entry.num_bytes) == ("hub", None, None)


def test_a_name_of_the_list_can_be_pulled_as_it_stands() -> None:
    for entry in list_models():
        if entry.kind == "hub":
            with pytest.raises(WeightsError, match="not in the local cache"):
                pull_model(entry.name)
        else:
            assert pull_model(entry.name) == entry.path


def test_models_of_each_kind_are_tried(tmp_path: Path) -> None:
    assert "open_clip, 32 x 32 px" in check_model(str(make_open_clip(tmp_path / "open_clip")))
    assert "transformers, 32 x 32 px" in check_model(str(make_hf_clip(tmp_path / "hf")))
    assert "Whisper for ctranslate2" in check_model(str(make_faster_whisper(tmp_path / "whisper")))
    assert "Wav2Vec2ForCTC for 27 letters" in check_model(str(write_ctc(tmp_path / "ctc")))


def test_bundled_models_are_what_their_cards_say() -> None:
    if not bundled_names():
        pytest.skip("no model is bundled in this checkout")
    for name in bundled_names():
        assert f"{name}: loaded" in check_model(name)


def test_a_file_that_is_not_what_its_card_says_is_an_error(tmp_path: Path) -> None:
    folder = make_open_clip(tmp_path / "model")
    weights = folder / "open_clip_model.safetensors"
    (folder / "README.md").write_text(f"# card\n\n- `{weights.name}`: sha256 `{digest_file(weights)}`\n")
    assert check_card(folder) == [weights.name]
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    with pytest.raises(WeightsError, match="is not what its card says"):
        check_model(str(folder))


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlicense: mit\n---\n", "mit"),
        ("Licence: Apache-2.0, as the rest.", "Apache-2.0"),
        ("- **License:** CC-BY-4.0", "CC-BY-4.0"),
        ("no word of it", None),
    ],
)
def test_the_licence_is_read_from_the_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, card: str, licence: str | None
) -> None:
    folder = make_open_clip(tmp_path / "model")
    (folder / "README.md").write_text(card)
    monkeypatch.setattr(model_catalogue, "bundled_names", lambda: ["mine"])
    monkeypatch.setattr(model_catalogue, "find_bundled", lambda name: folder if name == "mine" else None)
    monkeypatch.setattr(model_catalogue, "_task_of", lambda *_: "image_text")
    entry = next(entry for entry in list_models() if entry.name == "mine")
    assert replace(entry, license=licence) == entry


@pytest.mark.parametrize("name", ["", "basee", "large-v9", "./nowhere"])
def test_an_unknown_model_is_an_error(name: str) -> None:
    with pytest.raises(WeightsError):
        pull_model(name)


def test_the_tables_read_beside_open_clip_are_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    import open_clip

    names = set(open_clip.list_models())
    tags = {name: open_clip_names.pretrained_tags(name) for name in names}
    configs = {name: open_clip.get_model_config(name) for name in names}
    monkeypatch.delitem(sys.modules, "open_clip")
    assert set(open_clip_names.architectures()) == names
    assert {name: open_clip_names.pretrained_tags(name) for name in names} == tags
    assert {name: open_clip_names.architecture_config(name) for name in names} == configs
