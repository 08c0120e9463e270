"""Planted copies and contradictions are what they are called, and what is joined or flagged is counted as such."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from scripts.benchmarks.quality_parts import contradictions, copies, label_tables, near_duplicates, scanned
from scripts.benchmarks.quality_parts.contradictions import ONE_WRONG_WORD, OTHER_CASE, OWN_CLIP, WRONG_WORDS
from scripts.benchmarks.quality_parts.figures import Counts
from scripts.benchmarks.quality_parts.scanned import Row
from scripts.synthetic.captions import full_claim, holds
from scripts.synthetic.scenes import make_scene

TEXT = "A large red boat lies on gentle waves, and two yellow stars can be seen above it in the night sky."


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    class Encoder:
        def images(self, pictures: list[object]) -> np.ndarray:
            return np.eye(len(pictures), dtype=np.float16)

        def texts(self, captions: list[str]) -> np.ndarray:
            return np.eye(len(captions), dtype=np.float16)

    monkeypatch.setattr(scanned, "encoder", Encoder)


@pytest.mark.parametrize("seed", range(20))
def test_a_scene_drawn_anew_keeps_its_caption_and_a_sibling_does_not(seed: int) -> None:
    rng = random.Random(seed)
    scene = make_scene(rng)
    assert holds(full_claim(scene), copies.redrawn(scene, rng))
    assert copies.redrawn(scene, rng) != scene
    assert not holds(full_claim(scene), copies.sibling(scene, rng))


def test_copied_texts_differ_from_their_original_in_what_they_are_called() -> None:
    rng = random.Random(1)
    made = {kind: change(TEXT, rng) for kind, change in copies.TEXT_COPIES.items()}
    assert copies.plain_text(made["case and punctuation"]) == copies.plain_text(TEXT)
    assert made["case and punctuation"] != TEXT
    assert sum(a != b for a, b in zip(made["one letter wrong"], TEXT, strict=True)) == 1
    assert sum(a != b for a, b in zip(made["one word changed"].split(), TEXT.split(), strict=True)) == 1
    assert made["one word appended"].split()[:-1] == TEXT.split()


def test_copied_pictures_are_found_and_others_are_not(no_model: None) -> None:
    rng = random.Random(2)
    scenes = [make_scene(rng) for _ in range(8)]
    rows = [Row(origin=n, data=copies.draw_scene(scene, rng), text=TEXT) for n, scene in enumerate(scenes)]
    kind = copies.PICTURE_COPIES[0]
    rows += [
        Row(origin=n, original=n, kind=kind, data=copies.copy_picture(rows[n].data, kind, rng), text=TEXT)
        for n in (0, 1)
    ]
    # An original that poses as another picture: joined rightly by the product, wrongly by the truth of this set.
    rows.append(Row(origin=10, kind="look-alike", data=copies.copy_picture(rows[2].data, kind, rng), text=TEXT))
    found = near_duplicates.judge_joins(scanned.scan(rows, "image"), "image", "pictures", 1, with_model=False)
    assert found.found == {kind: Counts(hits=2)}
    assert (found.pairs.hits, found.pairs.false_alarms) == (2, 1)
    assert (found.usual_pairs.hits, found.usual_pairs.false_alarms) == (2, 0)
    assert found.look_alikes["look-alike"].false_rate == 1.0
    assert found.look_alikes[near_duplicates.ORDINARY].false_alarms == 1
    assert found.clean["near_duplicate_image"] == Counts(sound=8)


def test_near_equal_texts_are_found_by_their_representative() -> None:
    texts = [TEXT, "something else entirely is said here, of which no word is shared", TEXT.upper(), TEXT + "!"]
    rows = [Row(origin=0 if n != 1 else 1, original=0 if n > 1 else -1, text=text) for n, text in enumerate(texts)]
    found = near_duplicates.judge_joins(scanned.scan(rows, "image"), "text", "captions", 1)
    assert found.found == {"": Counts(hits=2)}
    assert found.pairs == Counts(hits=3)


def test_contradicting_transcripts_of_one_recording_are_counted_by_kind() -> None:
    planted = []
    said = "the old captain sold seven lamps at the market"
    other = {OWN_CLIP: None, OTHER_CASE: said.upper(), ONE_WRONG_WORD: said.replace("lamps", "boats")}
    for number, (kind, text) in enumerate({**other, WRONG_WORDS: "no word of this was ever spoken"}.items()):
        sound = np.random.default_rng(number).normal(0, 0.1, 8000).astype(np.float32)
        data = copies.to_wav(sound)
        planted.append((Row(origin=number, data=data, text=said), kind))
        if text is not None:
            planted.append((Row(origin=number, data=data, text=text), kind))
    (flagged,) = contradictions.judge_labels(planted, "audio", (contradictions.TRANSCRIPTS,), 1)
    assert flagged.kinds[WRONG_WORDS.name] == Counts(hits=2)
    assert flagged.kinds[ONE_WRONG_WORD.name] == Counts(misses=2)
    assert flagged.kinds[OTHER_CASE.name] == Counts(sound=2)
    assert flagged.clean == Counts(sound=3)
    text = label_tables.write_consistency([flagged], with_speech=True)
    assert "| `contradicting_transcripts` | 4 | 1.000 | 0.500 | 0.00 % |" in text


def test_planted_pictures_have_the_kinds_and_captions_that_they_claim() -> None:
    sizes = contradictions.Sizes(ordinary=4, groups=2, sound_groups=2, repeated=1)
    planted = contradictions.picture_rows(random.Random(5), sizes)
    by_kind: dict[str, list[Row]] = {}
    for row, kind in planted:
        by_kind.setdefault(kind.name, []).append(row)
    assert len(by_kind[contradictions.WRONG.name]) == len(by_kind[contradictions.WRONG_ATTRIBUTE.name]) == 2
    for kind in (contradictions.SCATTERED, contradictions.REPEATED, contradictions.SHORT):
        rows = by_kind[kind.name]
        assert len(rows) == len({row.data for row in rows}) == 6
        assert len({row.text for row in rows}) == 1
    origins = [row.origin for row, _ in planted]
    assert sorted(np.unique(origins, return_counts=True)[1].tolist())[-4:] == [3, 3, 3, 3]


def test_what_was_not_measured_is_said() -> None:
    verdict = near_duplicates.VerdictOutcome(
        model="bundled", style="mixed", near=0.4, seed=1, auc=1.0, counts=Counts(9, 1, 1, 90), clean=Counts(sound=100)
    )
    joins = [near_duplicates.JoinOutcome(medium="captions", seed=1, found={"one": Counts(3, 0, 1)})]
    text = label_tables.write_duplicates(joins, [verdict])
    assert label_tables.NO_SPEECH in text
    assert "| one | 4 | 0.750 |" in text
    assert "| 40 % near-duplicates | bundled, mixed | 1.000 | 0.900 | 0.900 | 0.00 % |" in text
    assert "missed" in text
