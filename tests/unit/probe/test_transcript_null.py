from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from mmcheck.backends.whisper_verifier import Verification
from mmcheck.config import TranscriptNullConfig
from mmcheck.core.types import MediaRef, Sample
from mmcheck.probe.base import NotApplicable, Prepared
from mmcheck.probe.context import ProbeContext
from mmcheck.probe.transcript_null import ALL_SAMPLED, TranscriptNullProbe, count_sampled
from mmcheck.probe.transcript_own import OwnVerification, TextOfClip

TEXTS = [
    ("Her black church is often heavy.", "en"),
    ("A green bird sings near the river.", "en"),
    ("My uncle quickly painted six doors.", "en"),
    ("Those small dogs never jump over us.", "en"),
    ("Der alte Mann geht langsam nach Hause.", "de"),
    ("   ", "en"),
    ("Yes", "en"),
]


@dataclass(frozen=True)
class FakeClip:
    """What the served probe prepares."""

    text: str
    windows: tuple[int, ...] = (0,)
    features: tuple[Any, ...] = (np.ones((4, 50), np.float32),)
    is_scriptio_continua: bool = False


class FakeServed:
    """A transcript probe that finds each word of the own text likely, all others unlikely."""

    def __init__(self, **clip: Any) -> None:
        self.clip = clip
        self.num_opened = 0
        self.is_open = False
        self.verification = {"window": "fitted", "precision": "int8"}
        self.batches: list[int] = []
        self.asked: list[TextOfClip] = []
        self.is_shared: Any = None

    def share(self, is_shared: Any) -> None:
        self.is_shared = is_shared

    def open(self) -> None:
        self.num_opened += 1
        self.is_open = True

    def fingerprint(self) -> str:
        return "served"

    def prepare(self, media: Any) -> FakeClip:
        return FakeClip(text=media.sample.transcript, **self.clip)

    def verify_own(self, asking: str, rows: Any) -> list[OwnVerification]:
        assert asking == "transcript_null"
        own = [replace(self._verify(clip, clip.text), encoded=f"encoded {sample_id}") for sample_id, clip in rows]
        return [OwnVerification(parts=[part], window="full" if "river" in part.words else "padded") for part in own]

    def verify_texts(self, rows: Any) -> list[Verification]:
        self.batches.append(len(rows))
        self.asked += rows
        return [self._verify(row.clip, row.text) for row in rows]

    def _verify(self, clip: FakeClip, text: str) -> Verification:
        words = tuple(text.split())
        own = clip.text.split()
        is_cut = clip.features[0].shape[1] < 50
        scores = [-0.1 if word in own else -9.0 for word in words]
        if is_cut:
            scores[-2:] = [-8.0] * len(scores[-2:])
        return Verification(
            words=words,
            log_probs=tuple((score,) for score in scores),
            entropies=tuple((0.5,) for _ in words),
            early_ends=tuple(-9.0 for _ in words),
            end_log_prob=-0.1 if words[-1] == own[-1] else -7.0,
            no_speech_prob=None,
            language=None,
            language_probability=None,
            stated_probability=None,
            num_tokens=len(words),
            num_scored=len(words),
        )


@dataclass
class FakeMedia:
    sample: Sample


def sample(text: str | None, number: int = 0, language: str | None = "en") -> Sample:
    audio = MediaRef(uri=f"{number}.wav")
    return Sample(id=f"s{number}", manifest="m", row_number=1, audio=audio, transcript=text, language=language)


def make(num_rows: int = 1, texts: Any = TEXTS, seed: int = 0, served: Any = None, **options: Any) -> Any:
    probe = TranscriptNullProbe(TranscriptNullConfig(**options), "cpu", seed)
    probe.prime(
        ProbeContext(num_rows=num_rows, texts=tuple(texts), served=served or FakeServed(), served_fingerprint="x")
    )
    return probe


def measure(probe: Any, *samples: Sample) -> Any:
    return probe.measure([Prepared(sample=one, payload=probe.prepare(FakeMedia(one))) for one in samples])


def test_others_and_planted_faults_are_measured_under_the_clip() -> None:
    (found,) = measure(make(), sample(TEXTS[0][0]))
    assert found.values["null_mean_log_prob"] < -5
    assert found.values["null_best_log_prob"] >= found.values["null_mean_log_prob"]
    assert found.values["cut_end_log_prob"] == -7.0
    assert found.values["cut_audio_surprise"] == pytest.approx(7.5)
    assert len(found.evidence["null"]) == 3
    assert all(entry["text"] != TEXTS[0][0] for entry in found.evidence["null"])


def test_a_batch_gives_what_its_samples_give_alone_in_one_call() -> None:
    samples = [sample(text, number) for number, (text, _) in enumerate(TEXTS[:4])]
    served = FakeServed()
    together = measure(make(served=served), *samples)
    assert len(served.batches) == 1
    assert together == [measure(make(), one)[0] for one in samples]


def test_texts_are_read_along_in_the_window_of_the_own_one_under_its_encoding() -> None:
    served = FakeServed()
    samples = [sample(TEXTS[0][0], 0), sample("A green bird sings near the river", 1)]
    measure(make(served=served), *samples)
    windows = {"s0": "padded", "s1": "full"}
    seen = set()
    for row in served.asked:
        sample_id = "s1" if "river" in row.clip.text else "s0"
        assert row.window == windows[sample_id]
        is_cut = row.clip.features[0].shape[1] < 50
        # Sound that is cut has to be encoded by itself.
        assert row.encoded == (None if is_cut else f"encoded {sample_id}")
        seen.add((sample_id, is_cut))
    assert len(seen) == 4


def test_the_served_probe_knows_which_recordings_it_shares() -> None:
    served = FakeServed()
    probe = make(num_rows=4000, num_clips=400, served=served)
    for number in range(200):
        try:
            probe.prepare(FakeMedia(sample(TEXTS[0][0], number)))
            assert served.is_shared(f"s{number}")
        except NotApplicable:
            assert not served.is_shared(f"s{number}")


def test_large_runs_are_sampled_sparsely() -> None:
    counts = {rows: count_sampled(rows, 200) for rows in (0, 50, ALL_SAMPLED, 201, 500, 1000, 1500, 2000, 10**6)}
    assert counts == {0: 0, 50: 50, 200: 200, 201: 60, 500: 60, 1000: 100, 1500: 150, 2000: 200, 10**6: 200}
    assert count_sampled(100, 40) == 40


def test_sound_is_cut_in_some_of_the_sampled_alone() -> None:
    probe = make(num_rows=200)
    taken = [probe.prepare(FakeMedia(sample(TEXTS[0][0], number))).planted for number in range(200)]
    assert all({"cut_end_log_prob", "word_surprise"} <= planted.keys() for planted in taken)
    assert 30 <= sum("cut_audio_surprise" in planted for planted in taken) <= 60


def test_strangers_speak_the_language_and_are_neither_empty_nor_like_the_own_text() -> None:
    own = "A green bird sings near the rivers"
    chosen = make(num_texts=20).choose_texts(sample(own))
    assert chosen
    assert not {TEXTS[1][0], TEXTS[4][0], "   "} & set(chosen)
    assert make().choose_texts(sample("Die alte Frau", language="de-AT")) == [TEXTS[4][0]]
    with pytest.raises(NotApplicable, match="no other transcript"):
        make().prepare(FakeMedia(sample("Bonjour", language="fr")))


def test_texts_that_differ_in_case_and_marks_alone_are_one() -> None:
    texts = [
        ("a red horse runs", "en"),
        ("A red horse runs!", "en"),
        ("A RED HORSE RUNS", "en"),
        ("so it is now", "en"),
    ]
    chosen = make(texts=texts, num_texts=20).choose_texts(sample("under the deep blue sea"))
    assert len(chosen) == 2
    assert "so it is now" in chosen


def test_texts_of_like_length_are_chosen_before_others() -> None:
    texts = [(letter * 40, "en") for letter in "abcdefgh"] + [(letter * 400, "en") for letter in "ijklmnop"]
    chosen = make(texts=texts, num_texts=1).choose_texts(sample("z" * 380))
    assert len(chosen[0]) == 400


def test_the_sample_has_the_wanted_size_and_depends_on_ids_and_seed_only() -> None:
    def taken(seed: int) -> set[int]:
        probe = make(num_rows=4000, seed=seed, num_clips=400)
        return {number for number in range(4000) if is_taken(probe, number)}

    def is_taken(probe: Any, number: int) -> bool:
        try:
            probe.prepare(FakeMedia(sample(TEXTS[0][0], number)))
        except NotApplicable:
            return False
        return True

    first = taken(0)
    assert 340 < len(first) < 460
    assert taken(0) == first
    assert taken(1) != first


@pytest.mark.parametrize(
    ("clip", "reason"), [({"windows": (0, 1)}, "one window"), ({"features": ()}, "does not verify")]
)
def test_what_cannot_be_verified_at_once_is_left_out(clip: dict[str, Any], reason: str) -> None:
    with pytest.raises(NotApplicable, match=reason):
        make(served=FakeServed(**clip)).prepare(FakeMedia(sample(TEXTS[0][0])))


def test_samples_without_a_pair_are_left_out() -> None:
    bare = replace(sample("text"), audio=None)
    for one in (bare, sample(None)):
        with pytest.raises(NotApplicable):
            make().prepare(FakeMedia(one))


def test_an_empty_run_and_no_clips_sample_nothing() -> None:
    for probe in (make(num_rows=0, texts=()), make(num_clips=0)):
        with pytest.raises(NotApplicable, match="not sampled"):
            probe.prepare(FakeMedia(sample(TEXTS[0][0])))


def test_a_two_word_text_gets_strangers_but_no_planted_faults() -> None:
    (found,) = measure(make(), sample("two words"))
    assert set(found.values) == {"null_mean_log_prob", "null_best_log_prob"}


def test_the_model_is_loaded_once_whoever_opens_it() -> None:
    served = FakeServed()
    probe = make(served=served)
    probe.open()
    probe.open()
    assert served.num_opened == 1


def test_the_fingerprint_tells_texts_rate_seed_and_options_but_not_their_order() -> None:
    own = make().fingerprint()
    assert make(texts=TEXTS[::-1]).fingerprint() == own
    assert make(texts=[*TEXTS, TEXTS[0]]).fingerprint() == own
    others = [make(num_rows=999), make(seed=1), make(num_texts=2), make(texts=TEXTS[:3])]
    assert own not in {probe.fingerprint() for probe in others}


def test_an_unprimed_probe_says_so() -> None:
    with pytest.raises(RuntimeError, match="primed"):
        TranscriptNullProbe(TranscriptNullConfig()).open()


def test_run_json_says_how_the_other_texts_are_verified() -> None:
    assert make().describe()["verification"] == {"window": "fitted", "precision": "int8"}
