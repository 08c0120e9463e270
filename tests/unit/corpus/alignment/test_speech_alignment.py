from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pytest

from mmcheck.config.analyses import AlignmentConfig
from mmcheck.corpus.alignment.analysis import Alignment
from mmcheck.corpus.alignment.recordings import SpeechAlignment


@dataclass
class FakeShard:
    """One shard of recordings in memory."""

    transcripts: list[str]
    tables: dict[str, dict] = field(default_factory=dict)
    language: list | None = None

    def samples(self, columns=None):
        count = len(self.transcripts)
        table = pa.table(
            {
                "id": [f"a{n}" for n in range(count)],
                "language": pa.array(self.language or [None] * count, pa.string()),
                "row": ["{}"] * count,
                "transcript": self.transcripts,
            }
        )
        return table if columns is None else table.select(columns)

    def measurements(self, probe, columns=None):
        if probe not in self.tables:
            return None
        table = pa.table(self.tables[probe])
        return table if columns is None else table.select([name for name in columns if name in table.column_names])


def make_shard(own, noise=None, sampled=None, transcripts=None, decoys=4, seed=0, null=-8.0, language=None):
    """Return a shard whose clips have the given own values; ``noise`` lowers the decoys' values of a clip."""
    rng = np.random.default_rng(seed)
    count = len(own)
    noise = np.zeros(count) if noise is None else noise
    sampled = np.ones(count, dtype=bool) if sampled is None else sampled
    values = rng.normal(null, 0.8, (count, decoys)) + noise[:, None]
    tables = {
        "transcript": {"status": ["measured"] * count, "mean_log_prob": np.asarray(own, dtype=float)},
        "transcript_null": {
            "status": ["measured" if seen else "not_applicable" for seen in sampled.tolist()],
            "null_mean_log_prob": pa.array(np.where(sampled, values.mean(axis=1), 0), pa.float64(), mask=~sampled),
            "evidence": [
                json.dumps({"null": row}) if seen else None
                for row, seen in zip(values.tolist(), sampled.tolist(), strict=True)
            ],
        },
    }
    texts = transcripts or [f"the words of clip number {n}" for n in range(count)]
    return FakeShard(texts, tables, language)


def draw(count, share, seed=0):
    rng = np.random.default_rng(seed)
    is_wrong = np.arange(count) < round(share * count)
    return np.where(is_wrong, rng.normal(-8, 0.8, count), -np.abs(rng.normal(0.3, 0.5, count))), is_wrong


def judge(*shards, **options):
    alignment = SpeechAlignment(AlignmentConfig(**options), 0)
    return alignment.judge(shards), alignment.verdicts


@pytest.mark.parametrize("share", [0.0, 0.05, 0.4])
@pytest.mark.parametrize("share_sampled", [1.0, 0.3])
def test_text_of_other_clips_is_taken(share, share_sampled):
    own, is_wrong = draw(300, share)
    sampled = np.random.default_rng(3).random(300) < share_sampled
    found, verdicts = judge(make_shard(own, sampled=sampled))
    assert verdicts["all"].state == "judged"
    assert verdicts["all"].share == pytest.approx(share, abs=0.02)
    assert ((found.posterior > 0.5) == is_wrong).mean() > 0.99


def test_what_a_clip_gives_to_any_text_is_taken_off():
    # Noisy clips: a right text scores no better than a wrong one in a clean clip, but better than others there.
    rng = np.random.default_rng(1)
    noise = np.where(np.arange(400) < 100, -6.0, 0.0)
    own = rng.normal(-1, 0.4, 400) + noise
    is_wrong = np.arange(400) % 10 == 0
    own[is_wrong] = rng.normal(-8, 0.8, is_wrong.sum()) + noise[is_wrong]
    found, _ = judge(make_shard(own, noise=noise))
    assert ((found.posterior > 0.5) == is_wrong).mean() > 0.98


def draw_noisy(count, share, seed=1):
    """Return own values and noise of clips of which a fifth give 6 nat less to any text; and who is wrong."""
    rng = np.random.default_rng(seed)
    noise = np.where(rng.random(count) < 0.2, -6.0, 0.0)
    is_wrong = rng.random(count) < share
    return np.where(is_wrong, rng.normal(-8, 0.8, count), rng.normal(-1, 0.4, count)) + noise, noise, is_wrong


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_noise_is_taken_off_sampled_clips_where_others_were_not_sampled(share):
    own, noise, is_wrong = draw_noisy(800, share)
    sampled = np.random.default_rng(3).random(800) < 0.5
    found, verdicts = judge(make_shard(own, noise=noise, sampled=sampled))
    assert ((found.posterior > 0.5) == is_wrong)[sampled].mean() > 0.99
    # The others are judged by what the sampled show: right texts in noisy clips are not taken for wrong ones.
    assert (found.posterior > 0.5)[~sampled & ~is_wrong].mean() < 0.05
    assert verdicts["all"].share == pytest.approx(share, abs=0.03)
    assert verdicts["all"].num_pairs == 800


def test_nothing_is_taken_off_where_right_texts_do_not_follow_the_clips():
    # A strong recogniser: what wrong texts get varies by the clip, right ones fit everywhere.
    rng = np.random.default_rng(1)
    own, is_wrong = draw(300, 0.1)
    level = rng.normal(0, 2, 300)
    own = np.where(is_wrong, own + level, own)
    found, _ = judge(make_shard(own, noise=level))
    np.testing.assert_allclose(found.score, own, atol=1e-5)


def test_null_values_of_copies_and_of_clips_without_a_value_do_not_count():
    own, is_wrong = draw(300, 0.1)
    shard = make_shard(own)
    plain = judge(shard)[0]
    twice = np.concatenate([np.arange(300), np.repeat(np.flatnonzero(~is_wrong)[:3], 60)])
    tables = {name: pa.table(table).take(pa.array(twice)).to_pydict() for name, table in shard.tables.items()}
    unread = {"transcript": ("failed", 0.0), "transcript_null": ("measured", -1.0)}
    for name, (status, value) in unread.items():
        table = tables[name]
        table["status"] += [status] * 20
        column = next(key for key in table if key.endswith("mean_log_prob"))
        table[column] += [value] * 20
    tables["transcript_null"]["evidence"] += [json.dumps({"null": [-1.0, -1.1, -0.9]})] * 20
    texts = [shard.transcripts[row] for row in twice] + [f"unread {n}" for n in range(20)]
    more = judge(FakeShard(texts, tables))[0]
    np.testing.assert_allclose(more.p_value[:300], plain.p_value, atol=1e-6)
    np.testing.assert_allclose(more.posterior[:300], plain.posterior, atol=1e-6)


def test_a_recogniser_that_knows_nothing_cannot_tell():
    own = np.random.default_rng(2).normal(-8, 0.8, 200)
    found, verdicts = judge(make_shard(own))
    assert verdicts["all"].state == "model_cannot_tell"
    assert verdicts["all"].sentences[0].startswith("This model cannot judge these recordings")
    assert not np.isfinite(found.posterior).any()
    assert found.reasons[0][0] == "model_cannot_tell"


def test_few_clips_few_pairings_and_equal_transcripts_are_said():
    own, _ = draw(200, 0.1)
    assert judge(make_shard(own[:20]))[1]["all"].state == "too_few_pairs"
    few = judge(make_shard(own, sampled=np.arange(200) < 5))[1]["all"]
    assert few.state == "too_few_pairs"
    assert "20 random pairs" in few.reason
    assert judge(make_shard(own, transcripts=["Hello!"] * 200))[1]["all"].state == "captions_all_alike"
    # One clip many times is one pair.
    assert judge(make_shard(np.full(200, -0.5), transcripts=["hi"] * 100 + ["ho"] * 100))[1]["all"].num_pairs == 2


def test_without_the_null_probe_nothing_is_judged():
    own, _ = draw(100, 0.1)
    shard = make_shard(own)
    del shard.tables["transcript_null"]
    found, verdicts = judge(shard)
    assert verdicts == {}
    assert (found.reason == -1).all()
    assert judge()[1] == {}


def test_damaged_evidence_is_no_null():
    own, is_wrong = draw(200, 0.1)
    shard = make_shard(own)
    evidence = shard.tables["transcript_null"]["evidence"]
    evidence[:4] = [None, "{}", '{"null": "x"}', '{"null": [null, "a", -7.5]}']
    found, _ = judge(shard)
    assert ((found.posterior > 0.5) == is_wrong).mean() > 0.99


def test_languages_are_judged_on_their_own():
    own, is_wrong = draw(400, 0.1)
    english = make_shard(own, language=["en"] * 400)
    # A language that the model hardly knows: right texts score as wrong ones do in English.
    other = make_shard(np.where(is_wrong, own - 6, own - 7), noise=np.full(400, -6.0), language=["xx"] * 400)
    sampled = np.arange(400) < 150
    for shard in (english, other):
        table = shard.tables["transcript_null"]
        table["evidence"] = [text if seen else None for text, seen in zip(table["evidence"], sampled, strict=True)]
        table["null_mean_log_prob"] = pa.array(np.asarray(table["null_mean_log_prob"]), mask=~sampled)
    found, verdicts = judge(english, other)
    assert {"language=en", "language=xx"} <= set(verdicts)
    assert ((found.posterior > 0.5) == np.tile(is_wrong, 2)).mean() > 0.98


def test_order_changes_nothing():
    own, _ = draw(200, 0.2)
    order = np.random.default_rng(0).permutation(200)
    shard = make_shard(own)
    mixed = FakeShard(
        [shard.transcripts[row] for row in order],
        {name: pa.table(table).take(pa.array(order)).to_pydict() for name, table in shard.tables.items()},
    )
    np.testing.assert_allclose(judge(mixed)[0].posterior, judge(shard)[0].posterior[order], atol=1e-6)


def test_the_analysis_tells_recordings_as_audio():
    own, _ = draw(200, 0.1)
    analysis = Alignment(AlignmentConfig(), 0)
    (table,) = analysis.analyse([make_shard(own)])
    assert table["status"].to_pylist() == ["measured"] * 200
    assert analysis.summary()["audio"]["state"] == "judged"
    assert "recordings with transcripts" in analysis.summary()["sentences"][0]


SENTENCES = [
    f"{who} {what} {where} number {n}"
    for n, (who, what, where) in enumerate(
        (who, what, where)
        for who in ("the old man", "a green parrot", "our teacher", "nobody")
        for what in ("sold his boat", "drew seven horses", "lost a shoe", "counts the stars", "drinks cold tea")
        for where in ("in the harbour", "behind the church", "after dinner", "on a long train")
    )
]


def hear(shard, heard):
    shard.tables["transcript"]["evidence"] = [
        None if text is None else json.dumps({"hypothesis": text}) for text in heard
    ]
    return shard


def test_transcripts_moved_throughout_are_told_from_a_model_that_hears_nothing():
    rng = np.random.default_rng(0)
    own = rng.normal(-8, 0.8, len(SENTENCES))
    moved = SENTENCES[1:] + SENTENCES[:1]
    heard = [text.replace("e", "a", 2) for text in moved]
    _, verdicts = judge(hear(make_shard(own, transcripts=SENTENCES), heard))
    assert verdicts["all"].state == "misaligned_throughout"
    assert "mmcheck repair" in verdicts["all"].sentences[0]


@pytest.mark.parametrize(
    "heard",
    [
        [None] * len(SENTENCES),
        ["ah"] * len(SENTENCES),
        [f"xq {n} zzt wvk {n * 7} jjq" for n in range(len(SENTENCES))],
        SENTENCES,
    ],
)
def test_words_that_fit_no_other_recording_are_no_partners(heard):
    own = np.random.default_rng(0).normal(-8, 0.8, len(SENTENCES))
    _, verdicts = judge(hear(make_shard(own, transcripts=SENTENCES), heard))
    assert verdicts["all"].state == "model_cannot_tell"
