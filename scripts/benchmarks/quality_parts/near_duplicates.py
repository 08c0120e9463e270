"""Near-duplicates: what the duplicates analysis joins, of planted copies and of pairs that merely resemble each other.

Recall is counted over copies (in one group with the original), precision over joined pairs of rows, and look-alikes
over rows (joined with any row that holds something else). The alignment verdicts are measured beside it, on sets with
ever more near-duplicates.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from scripts.benchmarks.quality_parts import copies
from scripts.benchmarks.quality_parts.figures import Counts, count, roc_auc
from scripts.benchmarks.quality_parts.images import MODELS
from scripts.benchmarks.quality_parts.pairs import Pool
from scripts.benchmarks.quality_parts.scanned import Row, Scanned, scan, to_shards
from scripts.benchmarks.quality_parts.sets import STYLES, Recipe, plant
from scripts.benchmarks.quality_parts.stored import Judged, run_analyses
from scripts.benchmarks.quality_parts.stored import to_shards as pair_shards
from scripts.synthetic.captions import full_claim, word
from scripts.synthetic.scenes import make_scene

Log = Callable[[str], None]

ANALYSES = ("repetition", "duplicates")
ORDINARY = "ordinary rows"
MARKED = "nearly uniform, a small mark"
NEAR_SHARES = (0.0, 0.1, 0.4)
SHUFFLED_SHARE = 0.1
_LONG = 6
"""Captions in one text of a long set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many of what a set has."""

    pictures: int = 500
    """Ordinary rows; no fewer than there are copies in all."""
    sounds: int = 200
    texts: int = 500
    each: int = 50
    """Copies of each kind, and rows of each kind of look-alike."""
    pairs: int = 1000
    """Rows of the sets for the alignment verdicts."""


@dataclass(slots=True, kw_only=True)
class JoinOutcome:
    """What was joined in one set."""

    medium: str
    """Pictures with or without the model, recordings, texts."""
    seed: int
    found: dict[str, Counts] = field(default_factory=dict)
    """Kind of copy -> how many of them stand with their original."""
    pairs: Counts = field(default_factory=Counts)
    """Joined pairs of rows: true ones and false ones."""
    usual_pairs: Counts = field(default_factory=Counts)
    """The same among ordinary rows and their copies."""
    look_alikes: dict[str, Counts] = field(default_factory=dict)
    """Kind of look-alike -> how many rows stand with a row that holds something else."""
    clean: dict[str, Counts] = field(default_factory=dict)
    """Finding code -> rows flagged of the ordinary rows alone."""


@dataclass(slots=True, kw_only=True)
class VerdictOutcome:
    """Alignment verdicts in one set with near-duplicates."""

    model: str
    style: str
    near: float
    """Share of rows whose picture is a near-duplicate of another row's."""
    seed: int
    auc: float
    counts: Counts
    clean: Counts
    """The same set without a fault."""


def measure_joins(seeds: Sequence[int], sizes: Sizes, log: Log, *, with_speech: bool) -> list[JoinOutcome]:
    """Return what is joined among pictures, texts and, where espeak-ng is installed, recordings."""
    outcomes = []
    for seed in seeds:
        scanned = scan(picture_rows(seed, sizes), "image")
        for with_model, name in ((True, "pictures"), (False, "pictures, no model")):
            outcomes.append(judge_joins(scanned, "image", name, seed, with_model=with_model))
        if with_speech:
            outcomes.append(judge_joins(scan(sound_rows(seed, sizes), "audio"), "audio", "recordings", seed))
        for length, name in ((1, "captions"), (_LONG, "long texts")):
            outcomes.append(judge_joins(scan(text_rows(seed, sizes, length), "image"), "text", name, seed))
        log(f"duplicates: seed {seed}")
    return outcomes


def measure_verdicts(
    pool_of: Callable[[int, int], Pool], seeds: Sequence[int], sizes: Sizes, log: Log
) -> list[VerdictOutcome]:
    """Return the alignment verdicts on sets with ever more near-duplicates, with 10 % wrong captions and with none."""
    outcomes = []
    for near in NEAR_SHARES:
        for model, blur in MODELS.items():
            for style in STYLES:
                for seed in seeds:
                    found = []
                    for shuffled in (SHUFFLED_SHARE, 0.0):
                        recipe = Recipe(size=sizes.pairs, style=style, shuffled=shuffled, near=near, blur=blur)
                        planted = plant(pool_of(seed, sizes.pairs), recipe, random.Random(f"near-{seed}-{recipe}"))
                        judged = run_analyses(pair_shards(planted), ("alignment",))
                        taken = np.array([action == "quarantine" for action in judged.actions])
                        faulty = planted.fault != ""
                        area = roc_auc(-judged.values["alignment.image_score"], faulty)
                        found.append((area, count(taken, faulty)))
                    outcomes.append(
                        VerdictOutcome(
                            model=model,
                            style=style,
                            near=near,
                            seed=seed,
                            auc=found[0][0],
                            counts=found[0][1],
                            clean=found[1][1],
                        )
                    )
        log(f"duplicates: verdicts with {near:.0%} near-duplicates")
    return outcomes


def picture_rows(seed: int, sizes: Sizes) -> list[Row]:
    """Return drawn scenes, copies of some of them, and pictures that resemble others."""
    rng = random.Random(f"copies-{seed}")
    scenes = [make_scene(rng) for _ in range(sizes.pictures)]
    captions = [word(full_claim(scene), rng) for scene in scenes]
    rows = [
        Row(origin=number, data=copies.draw_scene(scene, rng), text=captions[number])
        for number, scene in enumerate(scenes)
    ]
    chosen = rng.sample(range(sizes.pictures), sizes.each * len(copies.PICTURE_COPIES))
    for place, original in enumerate(chosen):
        kind = copies.PICTURE_COPIES[place % len(copies.PICTURE_COPIES)]
        data = copies.copy_picture(rows[original].data, kind, rng)
        rows.append(Row(origin=original, original=original, kind=kind, data=data, text=captions[original]))
    for kind, other in (("same caption, drawn anew", copies.redrawn), ("one attribute changed", copies.sibling)):
        for original in rng.sample(range(sizes.pictures), sizes.each):
            data = copies.draw_scene(other(scenes[original], rng), rng)
            rows.append(Row(origin=len(rows), kind=kind, data=data, text=captions[original]))
    for kind, has_mark in (("nearly uniform", False), (MARKED, True)):
        for _ in range(sizes.each):
            data = copies.plain_picture(rng, has_mark=has_mark)
            rows.append(Row(origin=len(rows), kind=kind, data=data, text=rng.choice(captions)))
    marked = [at for at, row in enumerate(rows) if row.kind == MARKED]
    for original in rng.sample(marked, len(marked) // 2):
        data = copies.copy_picture(rows[original].data, copies.PICTURE_COPIES[0], rng)
        one = Row(
            origin=original, original=original, kind=f"{MARKED}, saved again", data=data, text=rows[original].text
        )
        rows.append(one)
    return rows


def sound_rows(seed: int, sizes: Sizes) -> list[Row]:
    """Return spoken sentences, copies of some of them, and other takes of the same words."""
    rng, noise = random.Random(f"copies-{seed}"), np.random.default_rng(seed)
    said = [copies.draw_speech(rng) for _ in range(sizes.sounds)]
    sounds = [copies.speak(text, voice, noise) for text, voice in said]
    rows = [
        Row(origin=number, data=copies.to_wav(sound), text=text)
        for number, ((text, _), sound) in enumerate(zip(said, sounds, strict=True))
    ]
    for kind in copies.SOUND_COPIES:
        for original in rng.sample(range(sizes.sounds), min(sizes.each, sizes.sounds)):
            data = copies.copy_sound(sounds[original], kind, noise)
            rows.append(Row(origin=original, original=original, kind=kind, data=data, text=said[original][0]))
    for kind in ("same words, another voice", "same words and voice, 10 % faster"):
        for original in rng.sample(range(sizes.sounds), min(sizes.each, sizes.sounds)):
            text, voice = said[original]
            other = copies.another_voice(voice, rng) if "another" in kind else copies.faster(voice)
            data = copies.to_wav(copies.speak(text, other, noise))
            rows.append(Row(origin=len(rows), kind=kind, data=data, text=text))
    return rows


def text_rows(seed: int, sizes: Sizes, length: int) -> list[Row]:
    """Return texts of so many captions each, copies of some of them, and others that say the same in other words."""
    rng = random.Random(f"copies-{seed}-{length}")
    scenes = [[make_scene(rng) for _ in range(length)] for _ in range(sizes.texts)]

    def say(number: int) -> str:
        return ". ".join(word(full_claim(scene), rng).rstrip(".") for scene in scenes[number])

    texts = [say(number) for number in range(sizes.texts)]
    # Equal by chance is equal; a text may come up twice where they are short.
    first = {text: number for number, text in reversed(list(enumerate(map(copies.plain_text, texts))))}
    rows = [Row(origin=first[copies.plain_text(text)], text=text) for text in texts]
    for kind, change in copies.TEXT_COPIES.items():
        for original in rng.sample(range(sizes.texts), sizes.each):
            text = change(texts[original], rng)
            rows.append(Row(origin=rows[original].origin, original=original, kind=kind, text=text))
    for original in rng.sample(range(sizes.texts), sizes.each):
        text = say(original)
        origin = first.get(copies.plain_text(text), len(rows))
        rows.append(Row(origin=origin, kind="same meaning, worded anew", text=text))
    return rows


def judge_joins(
    scanned: Sequence[Scanned], modality: str, medium: str, seed: int, *, with_model: bool = True
) -> JoinOutcome:
    """Return what the analysis joined of one set.

    Args:
        scanned: The set; the first rows are the ordinary ones, each with its own number as origin.
        modality: Kind of the groups: `image`, `audio` or `text`.
        medium: How the set is called.
        seed: Of the set.
        with_model: Whether embeddings are there.
    """
    rows = [one.row for one in scanned]
    judged = run_analyses(to_shards(scanned, with_model=with_model), ANALYSES)
    groups = groups_of(judged, modality)
    origin = np.array([row.origin for row in rows])
    resembles = [(bool(row.kind) and row.original < 0) or row.kind.startswith(MARKED) for row in rows]
    pairs, usual_pairs = Counts(), Counts()
    joined_wrongly = np.zeros(len(rows), dtype=bool)
    for members in groups:
        for one, other in combinations(members, 2):
            is_copy = bool(origin[one] == origin[other])
            joined = Counts(hits=int(is_copy), false_alarms=int(not is_copy))
            pairs += joined
            if not (resembles[one] or resembles[other]):
                usual_pairs += joined
            if not is_copy:
                joined_wrongly[[one, other]] = True
    number = {member: place for place, members in enumerate(groups) for member in members}
    outcome = JoinOutcome(medium=medium, seed=seed, pairs=pairs, usual_pairs=usual_pairs)
    for at, row in enumerate(rows):
        if row.original >= 0:
            is_found = at in number and number[at] == number.get(row.original)
            outcome.found[row.kind] = outcome.found.get(row.kind, Counts()) + Counts(
                int(is_found), 0, int(not is_found)
            )
        else:
            kind = row.kind or ORDINARY
            is_wrong = bool(joined_wrongly[at])
            tally = Counts(false_alarms=int(is_wrong), sound=1)
            outcome.look_alikes[kind] = outcome.look_alikes.get(kind, Counts()) + tally
    ordinary = [one for one in scanned if not one.row.kind and one.row.origin == int(one.sample.id[4:])]
    alone = run_analyses(to_shards(ordinary, with_model=with_model), ANALYSES)
    for code in ("near_duplicate_image", "near_duplicate_audio", "near_duplicate_pair"):
        outcome.clean[code] = Counts(false_alarms=int(alone.has(code).sum()), sound=len(ordinary))
    if modality == "text":
        outcome.clean = {
            "text group": Counts(false_alarms=sum(map(len, groups_of(alone, "text"))), sound=len(ordinary))
        }
    return outcome


def groups_of(judged: Judged, kind: str) -> list[list[int]]:
    """Return the groups of rows that the analysis made of one kind, `image`, `audio` or `text`.

    Texts have no group numbers; their groups are those of the representative that evidence names first, or the row
    itself where its order is 1.
    """
    groups: dict[str, list[int]] = {}
    sizes = judged.values[f"duplicates.{kind}_group_size"]
    orders = judged.values[f"duplicates.{kind}_order"]
    for row, evidence in enumerate(judged.evidence["duplicates"]):
        if sizes[row] > 1:
            head = judged.ids[row] if orders[row] == 1 else json.loads(evidence or "{}")[kind][0]
            groups.setdefault(head, []).append(row)
    return list(groups.values())
