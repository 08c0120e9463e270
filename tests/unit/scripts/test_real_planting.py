"""Faults planted into real pairs: each changes what it says and nothing else, and equal seeds give equal sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmcheck.metrics.text_normalization import normalize
from scripts.benchmarks.real_parts import mixing, planting
from scripts.benchmarks.real_parts.recordings import NoRealDataError, RealClip, find_data, load_clips

TEXTS = {
    "en": (
        "The conference is now muted.",
        "WE ARE SURE THAT ONE WORE IS ENOUGH",
        "she had your dark suit in greasy wash water all year",
        "Please enter the number to be blacklisted.",
        "press 2 to enter a different number",
        "no",
    ),
    "de": ("Der Arzt schwieg den ganzen Tag.", "Selten wurde ein Werk fertiggestellt.", "Das ist ein Satz mehr hier."),
    "ja": ("客観的実在の判断的知識が成立する",),
}


@pytest.fixture(scope="module")
def clips() -> list[RealClip]:
    return [
        RealClip(id=f"{language}-{at}", path=Path(f"/x/{language}-{at}.wav"), text=text, language=language, source="s")
        for language, texts in TEXTS.items()
        for at, text in enumerate(texts)
    ]


def _of(pairs: list[planting.Planted], clip: str) -> dict[str, planting.Planted]:
    return {pair.fault: pair for pair in pairs if pair.clip.id == clip}


def test_each_fault_changes_what_it_says(clips: list[RealClip]) -> None:
    found = _of(planting.plant_all(clips, {}, seed=1), "en-2")
    words = clips[2].text.split()
    assert found[planting.CLEAN].text == clips[2].text
    assert found[planting.LAST].text.split() == words[:-1]
    assert found[planting.THIRD].text.split() == words[:7]
    assert found[planting.TWICE].text.split() == words * 2
    assert found[planting.APPENDED].text.split()[:-3] == words
    deleted = found[planting.DELETED]
    assert len(deleted.text.split()) == len(words) - 1
    assert deleted.text.split()[0] == words[0]
    assert deleted.text.split()[-1] == words[-1]
    swapped = found[planting.SUBSTITUTED].text.split()
    differing = [(old, new) for old, new in zip(words, swapped, strict=True) if old != new]
    assert differing == [found[planting.SUBSTITUTED].changed]
    assert normalize(differing[0][1], "en") not in {normalize(word, "en") for word in words}
    assert found[planting.CUT].text == clips[2].text
    assert 0.5 < found[planting.CUT].clip.kept < 0.8
    assert found[planting.LANGUAGE].language != "en"
    assert found[planting.OTHER].text in TEXTS["en"]


def test_a_fault_without_room_is_left_out(clips: list[RealClip]) -> None:
    pairs = planting.plant_all(clips, {})
    assert set(_of(pairs, "en-5")) <= {
        planting.CLEAN, planting.OTHER, planting.APPENDED, planting.TWICE, planting.LANGUAGE,
    }  # fmt: skip
    # A language with one clip has no other clip's text.
    assert planting.OTHER not in _of(pairs, "ja-0")


def test_words_are_put_in_as_the_text_writes_them(clips: list[RealClip]) -> None:
    for seed in range(20):
        found = _of(planting.plant_all(clips, {}, seed=seed), "en-1")
        assert found[planting.SUBSTITUTED].text.isupper()
        assert found[planting.APPENDED].text.isupper()
        lower = _of(planting.plant_all(clips, {}, seed=seed), "en-2")[planting.APPENDED].text
        assert lower == lower.lower()


def test_equal_seeds_plant_equal_faults(clips: list[RealClip]) -> None:
    assert planting.plant_all(clips, {}, seed=3) == planting.plant_all(clips, {}, seed=3)
    assert planting.plant_all(clips, {}, seed=3) != planting.plant_all(clips, {}, seed=4)


def test_languages_are_left_alone_where_the_model_knows_english_only(clips: list[RealClip]) -> None:
    told = {"de-0": "The doctor was silent all day."}
    faults = {pair.fault for pair in planting.plant_all(clips, told, english_only=True)}
    assert not faults & {planting.LANGUAGE, planting.TRANSLATED}
    assert _of(planting.plant_all(clips, told), "de-0")[planting.TRANSLATED].text == told["de-0"]


def test_rings_move_every_text_within_its_language(clips: list[RealClip]) -> None:
    rings = mixing.draw_rings(clips)
    placed = [clip.id for ring in rings for clip in ring]
    assert len(placed) == len(set(placed))
    assert "ja-0" not in placed
    for ring in rings:
        moved = mixing.shift_ring(ring)
        assert sorted(pair.text for pair in moved) == sorted(clip.text for clip in ring)
        assert all(pair.text != pair.clip.text for pair in moved)
        assert len({pair.language for pair in moved}) == 1


def test_absent_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoRealDataError, match="no folder"):
        find_data(tmp_path / "nowhere")
    with pytest.raises(NoRealDataError, match="manifest"):
        load_clips(tmp_path)
