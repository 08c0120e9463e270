from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.config import RepetitionConfig
from mmcheck.core.types import Measurement, MediaRef, RowProblem, Sample, Status
from mmcheck.corpus.content_keys import normalise_texts
from mmcheck.corpus.repetition import Repetition
from mmcheck.store.media_columns import MEDIA_COLUMNS
from mmcheck.store.schema import measurements_to_table, samples_to_table


@dataclass
class FakeShard:
    """One shard in memory."""

    stored: list[Sample]
    digests: Sequence[str | None]
    media_ran: bool = True

    def samples(self, columns=None):
        table = samples_to_table(self.stored, 0)
        return table if columns is None else table.select(columns)

    def measurements(self, probe, columns=None):
        if probe != "media" or not self.media_ran:
            return None
        found = [
            Measurement(
                sample_id=sample.id,
                probe="media",
                status=Status.MEASURED if digest else Status.FAILED,
                content={"image_sha256" if sample.image else "audio_sha256": sha256(digest.encode()).digest()}
                if digest
                else {},
            )
            for sample, digest in zip(self.stored, self.digests, strict=True)
        ]
        table = measurements_to_table(found, [], MEDIA_COLUMNS)
        return table if columns is None else table.select(columns)


def image(name, caption, uri=None, **changes):
    settings = {"id": name, "manifest": "m", "row_number": 1, "caption": caption}
    return Sample(**{**settings, "image": MediaRef(uri=uri or f"/{name}.jpg"), **changes})


def audio(name, transcript, uri=None, start=None):
    ref = MediaRef(uri=uri or f"/{name}.wav", start=start, duration=None if start is None else 2.0)
    return Sample(id=name, manifest="m", row_number=1, transcript=transcript, audio=ref)


def analyse(*shards):
    """Return the rows of all shards as dicts, evidence decoded, by sample id."""
    tables = list(Repetition(RepetitionConfig(), 0).analyse(shards))
    assert [table.num_rows for table in tables] == [len(shard.stored) for shard in shards]
    rows = pa.concat_tables(tables).to_pylist() if tables else []
    return {row["sample_id"]: {**row, "evidence": json.loads(row["evidence"] or "{}")} for row in rows}


def test_equal_captions_on_different_images_are_counted_across_shards():
    first = FakeShard([image("a", "Stock photo!"), image("b", "a red ball")], ["1", "2"])
    second = FakeShard([image("c", "stock  photo"), image("d", "STOCK PHOTO.")], ["3", "4"])
    found = analyse(first, second)
    assert [found[name]["caption_count"] for name in "abcd"] == [3, 1, 3, 3]
    assert found["a"]["evidence"]["caption"] == ["c", "d"]
    assert found["c"]["evidence"]["caption"] == ["a", "d"]
    assert "caption" not in found["b"]["evidence"]
    assert {row["transcript_count"] for row in found.values()} == {None}


def test_evidence_holds_three_others_at_most():
    shard = FakeShard([image(str(i), "same") for i in range(9)], [str(i) for i in range(9)])
    found = analyse(shard)
    assert found["0"]["evidence"]["caption"] == ["1", "2", "3"]
    assert found["8"]["evidence"]["caption"] == ["0", "1", "2"]
    assert found["8"]["caption_count"] == 9


def test_one_image_with_several_captions_is_no_repetition():
    shard = FakeShard(
        [image("a", "a dog", "/x.jpg"), image("a#2", "a brown dog", "/x.jpg"), image("a#3", "a dog", "/x.jpg")],
        ["1"] * 3,
    )
    found = analyse(shard)
    assert [row["media_count"] for row in found.values()] == [1, 1, 1]
    assert [row["caption_count"] for row in found.values()] == [1, 1, 1]
    assert [row["pair_count"] for row in found.values()] == [2, 1, 2]
    assert [row["pair_order"] for row in found.values()] == [1, 1, 2]
    assert found["a#3"]["evidence"] == {"pair": ["a"]}


def test_equal_bytes_under_other_names_are_ordered_by_name():
    first = FakeShard([image("z", "one"), image("y", "two"), image("x", "three")], ["same", "own", "same"])
    second = FakeShard([image("w", "four", "/x.jpg"), image("v", "one")], ["same", "same"])
    found = analyse(first, second)
    assert [found[name]["media_count"] for name in "zyxwv"] == [3, 1, 3, 3, 3]
    # Under another caption the same bytes are one image with several captions.
    assert [found[name]["media_order"] for name in "zyxwv"] == [2, 1, 1, 1, 1]
    assert [found[name]["captions_of_image"] for name in "zyxwv"] == [3, 1, 3, 3, 3]
    # The copy with the same caption is the same medium, so the caption is not repeated; the pair is.
    assert found["v"]["caption_count"] == 1
    assert (found["v"]["pair_order"], found["z"]["pair_order"]) == (1, 2)
    assert found["z"]["evidence"]["media"] == ["v"]


def test_equal_files_without_texts_are_copies():
    shard = FakeShard([image("a", None), image("b", None), image("c", "")], ["same"] * 3)
    assert [row["media_order"] for row in analyse(shard).values()] == [1, 2, 3]


def test_segments_of_one_recording_are_different_media():
    segments = [
        audio("a", "one", "/long.wav", 0.0),
        audio("b", "one", "/long.wav", 2.0),
        audio("c", "two", "/copy.wav", 2.0),
    ]
    found = analyse(FakeShard(segments, ["first", "second", "second"])).values()
    assert [row["media_count"] for row in found] == [1, 2, 2]
    assert [row["media_order"] for row in found] == [1, 1, 1]
    assert [row["transcript_count"] for row in found] == [2, 2, 1]


def test_a_recording_and_an_image_do_not_mix():
    shard = FakeShard([audio("a", "hello"), image("b", "hello"), audio("c", "Hello.")], ["1", "2", "3"])
    found = analyse(shard)
    assert [found[name]["transcript_count"] for name in "abc"] == [2, None, 2]
    assert [found[name]["caption_count"] for name in "abc"] == [None, 1, None]


def test_members_of_an_archive_are_different_media():
    refs = [MediaRef(uri="/a.tar", member=f"{i}.jpg", offset=512 * i, size=9) for i in range(2)]
    shard = FakeShard([image(str(i), "same", image=ref) for i, ref in enumerate(refs)], [None, None], media_ran=False)
    assert [row["caption_count"] for row in analyse(shard).values()] == [2, 2]


def test_broken_rows_missing_media_and_empty_texts():
    problem = RowProblem(cause="ragged", message="m:1 is ragged.")
    samples = [
        Sample(id="broken", manifest="m", row_number=1, problem=problem, caption="same"),
        image("gone", "same"),
        image("empty", " ... "),
        Sample(id="text_only", manifest="m", row_number=1, caption="same"),
    ]
    found = analyse(FakeShard(samples, [None, None, "1", None]))
    assert found["broken"]["status"] == "not_applicable"
    assert found["broken"]["reason"]
    assert found["gone"]["caption_count"] == 1
    assert found["gone"]["media_count"] == 1
    assert found["empty"]["caption_count"] is None
    assert found["empty"]["media_count"] == 1
    assert found["text_only"]["status"] == "not_applicable"


def test_no_shards_and_empty_shards():
    assert analyse() == {}
    assert analyse(FakeShard([], []), FakeShard([image("a", "x")], ["1"]))["a"]["caption_count"] == 1


def test_metrics_are_the_columns():
    (table,) = Repetition(RepetitionConfig(), 0).analyse([FakeShard([image("a", "x")], ["1"])])
    shorts = [metric.name.removeprefix("repetition.") for metric in Repetition.metrics]
    assert table.column_names == ["sample_id", "status", "reason", "cause", *shorts, "evidence"]
    assert all(metric.low == 1 for metric in Repetition.metrics)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("  A  Red\tball! ", "a red ball"),
        ("\ufb01sh", "fish"),
        ("\u00c9T\u00c9", "\u00e9t\u00e9"),
        ("e\u0301te\u0301", "\u00e9t\u00e9"),
        ("\u732b\u3002", "\u732b"),
        ("...", None),
        ("", None),
        (None, None),
    ],
)
def test_texts_are_compared_in_plain_form(text, plain):
    assert normalise_texts(pa.array([text], pa.string())).to_pylist() == [plain]


rows = st.lists(
    st.tuples(
        st.sampled_from(["cat", "dog", "cow", None]), st.sampled_from("123"), st.sampled_from(["u", "v", "w", "x"])
    ),
    max_size=14,
)


@settings(deadline=None, max_examples=80)
@given(rows, st.integers(1, 5))
def test_counts_agree_with_plain_dictionaries(rows, shard_size):
    # A place always holds the same bytes.
    digest_of: dict[str, str] = {}
    samples, digests = [], []
    for number, (caption, digest, uri) in enumerate(rows):
        samples.append(image(str(number), caption, uri))
        digests.append(digest_of.setdefault(uri, digest))
    captions, media, copies, pairs = (defaultdict(list) for _ in range(4))
    expected = []
    for number, (sample, digest) in enumerate(zip(samples, digests, strict=True)):
        for groups, key, member in (
            (captions, sample.caption, digest),
            (media, digest, sample.image.uri),
            (copies, (sample.caption, digest), sample.image.uri),
            (pairs, (sample.caption, digest), number),
        ):
            if member not in groups[key]:
                groups[key].append(member)
        expected.append(copies[sample.caption, digest].index(sample.image.uri) + 1)
    starts = range(0, len(samples), shard_size)
    found = analyse(*(FakeShard(samples[i : i + shard_size], digests[i : i + shard_size]) for i in starts))
    for number, (sample, digest) in enumerate(zip(samples, digests, strict=True)):
        row = found[sample.id]
        assert row["media_count"] == len(media[digest])
        assert row["media_order"] == expected[number]
        if sample.caption is None:
            assert row["caption_count"] is row["pair_count"] is None
        else:
            assert row["caption_count"] == len(captions[sample.caption])
            assert row["pair_count"] == len(pairs[sample.caption, digest])
            assert row["pair_order"] == pairs[sample.caption, digest].index(number) + 1


def test_a_row_with_two_pairs_repeats_others_only_where_both_do():
    def both(name, caption, said):
        return image(name, caption, "/a.jpg", audio=MediaRef(uri=f"/{said}.wav"), transcript=said)

    stored = [both("a", "x", "p"), both("b", "y", "p"), both("c", "x", "q"), both("d", "y", "q"), both("e", "y", "p")]
    found = analyse(FakeShard(stored, [None] * len(stored)))
    orders = [found[name]["pair_order"] for name in "abcde"]
    assert [order > 1 for order in orders] == [False, False, False, True, True], (
        "d repeats b's caption and c's recording, e repeats b wholly"
    )


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from(["a cat", "a dog"])), min_size=1, max_size=12),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_rows_does_not_choose_the_copy(drawn, random):
    rows = [(image(f"{number}.jpg", caption), content) for number, (content, caption) in enumerate(drawn)]
    found = analyse(FakeShard(*map(list, zip(*rows, strict=True))))
    moved = random.sample(rows, len(rows))
    cut = random.randint(0, len(rows))
    shards = [
        FakeShard([sample for sample, _ in part], [digest for _, digest in part]) for part in (moved[:cut], moved[cut:])
    ]
    assert analyse(*shards) == found


def test_a_number_that_the_rows_order_gave_is_no_name():
    """``a#2`` may be either of two rows; the shorter name, and then the other columns, decide."""
    plain = image("a", "a cat", uri="/a.jpg", row={"source": "album"})
    other = image("a", "a cat", uri="/a.jpg", row={"source": "crawl"})
    for first, second in ((plain, other), (other, plain)):
        found = analyse(FakeShard([first, replace(second, id="a#2")], ["1", "1"]))
        kept = first if found["a"]["pair_order"] == 1 else second
        assert kept.row["source"] == "crawl", "of both orders the same row"
