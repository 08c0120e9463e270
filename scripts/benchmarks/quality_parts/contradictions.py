"""Labels that contradict each other: what the consistency analysis flags, of planted contradictions and sound rows.

Each kind of row is either a fault or the like of one (other words, a vague caption, a caption that is true of many
pictures), so that recall and false alarms can be told kind by kind. Near-duplicates are found by the product itself.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from scripts.benchmarks.quality_parts import copies
from scripts.benchmarks.quality_parts.figures import Counts, roc_auc
from scripts.benchmarks.quality_parts.scanned import Row, Scanned, scan, to_shards
from scripts.benchmarks.quality_parts.stored import Judged, run_analyses
from scripts.synthetic.captions import (
    VAGUE,
    Claim,
    GroupClaim,
    alter_claim,
    false_claims,
    full_claim,
    holds,
    random_claim,
    word,
)
from scripts.synthetic.scenes import Group, Scene, make_scene

Log = Callable[[str], None]
Bools = NDArray[np.bool_]

ANALYSES = ("repetition", "duplicates", "caption", "consistency")
CAPTIONS, UNLIKE, TRANSCRIPTS = "contradicting_captions", "caption_on_unlike_images", "contradicting_transcripts"
BREADTH = "odd_breadth"
"""The preset leaves this rule off; its limits are measured all the same."""
_NARROWEST, _BROADEST = -8.0, 6.0
_REPEATED = 6
"""Pictures that share a caption; the preset's rule asks for five."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many of what a set has."""

    ordinary: int = 400
    """Rows with a medium and a true text of their own."""
    groups: int = 20
    """Groups of near-duplicates of each kind but the sound one, in twos and threes by turns."""
    sound_groups: int = 120
    """Groups with true captions in other words: most, as in any set that is worth checking."""
    repeated: int = 10
    """Captions of each kind that stand with six pictures."""
    sounds: int = 60
    """Recordings of each kind, each with a copy, and as many without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of row."""

    name: str
    code: str = ""
    """The code that should find it; empty: it is sound."""


ORDINARY = Kind(name="a picture and a true caption of its own")
OTHER_WORDS = Kind(name="near-duplicate, true caption in other words")
BLAND = Kind(name="near-duplicate, vague caption")
WRONG = Kind(name="near-duplicate, another picture's caption", code=CAPTIONS)
WRONG_ATTRIBUTE = Kind(name="near-duplicate, one attribute wrong", code=CAPTIONS)
BESIDE = Kind(name="true caption, beside a wrong one")
SCATTERED = Kind(name="a full caption on six other pictures", code=UNLIKE)
REPEATED = Kind(name="a full caption on six pictures it is true of")
SHORT = Kind(name="a short caption on six pictures it is true of")
NO_WORD = Kind(name="vague caption, among full ones", code=BREADTH)
BARE = Kind(name="only the object's name, among full captions", code=BREADTH)
BROAD = Kind(name="only the ground named, among full captions", code=BREADTH)
NARROW = Kind(name="full caption, among those that name the ground only", code=BREADTH)
FULL, GROUND = Kind(name="full caption among such"), Kind(name="only the ground named, among such")
OWN_CLIP = Kind(name="a recording and its own transcript")
OTHER_CASE = Kind(name="copy, the transcript in other case and punctuation")
WRONG_WORDS = Kind(name="copy, two words of the transcript wrong", code=TRANSCRIPTS)
ONE_WRONG_WORD = Kind(name="copy, one word of the transcript wrong", code=TRANSCRIPTS)
OTHER_TRANSCRIPT = Kind(name="copy, another clip's transcript", code=TRANSCRIPTS)
Planted = list[tuple[Row, Kind]]


@dataclass(slots=True, kw_only=True)
class Flagged:
    """What one code took in one set."""

    code: str
    seed: int
    kinds: dict[str, Counts] = field(default_factory=dict)
    """Kind of row -> hits and misses of those it should find, false alarms of all others."""
    clean: Counts = field(default_factory=Counts)
    """The same set without the faults: all rows are sound."""
    areas: dict[str, float] = field(default_factory=dict)
    """Breadth only: ROC-AUC of each kind against the rest, by breadth."""
    vague_areas: dict[str, float] = field(default_factory=dict)
    """The same by `caption.vagueness`."""

    @property
    def counts(self) -> Counts:
        """Return the counts of all kinds together."""
        return sum(self.kinds.values(), Counts())


def measure(seeds: Sequence[int], sizes: Sizes, log: Log, *, with_speech: bool) -> list[Flagged]:
    """Return what each code took of each kind of row."""
    outcomes = []
    for seed in seeds:
        rng = random.Random(f"contradictions-{seed}")
        outcomes += judge_labels(picture_rows(rng, sizes), "image", (CAPTIONS, UNLIKE), seed)
        outcomes += judge_labels(breadth_rows(rng, sizes, is_broad=True), "image", (BREADTH,), seed)
        outcomes += judge_labels(breadth_rows(rng, sizes, is_broad=False), "image", (BREADTH,), seed)
        if with_speech:
            outcomes += judge_labels(sound_rows(rng, np.random.default_rng(seed), sizes), "audio", (TRANSCRIPTS,), seed)
        log(f"consistency: seed {seed}")
    return outcomes


def picture_rows(rng: random.Random, sizes: Sizes) -> Planted:
    """Return ordinary rows, groups of near-duplicates and captions that stand with six pictures."""
    planted = [
        (Row(origin=number, data=copies.draw_scene(scene, rng), text=_say_some(scene, rng)), ORDINARY)
        for number, scene in enumerate(make_scene(rng) for _ in range(sizes.ordinary))
    ]
    for kind in (OTHER_WORDS, BLAND, WRONG, WRONG_ATTRIBUTE):
        for number in range(sizes.sound_groups if kind is OTHER_WORDS else sizes.groups):
            planted += _near_group(kind, number, len(planted), rng)
    for kind in (SCATTERED, REPEATED, SHORT):
        for _ in range(sizes.repeated):
            planted += _repeated_caption(kind, len(planted), rng)
    return planted


def _near_group(kind: Kind, number: int, origin: int, rng: random.Random) -> Iterator[tuple[Row, Kind]]:
    """Yield a picture and one copy or two with true captions, but for the last one's."""
    size = 2 + number % 2
    scene = make_scene(rng)
    data = copies.draw_scene(scene, rng)
    for place in range(size):
        is_last = place == size - 1
        text = word(full_claim(scene, rng), rng) if place == 0 else _say_some(scene, rng)
        if is_last and kind is BLAND:
            text = VAGUE[number % len(VAGUE)]  # none on so many pictures that it is a finding of its own
        elif is_last and kind is WRONG:
            text = _say_false(scene, rng)
        elif is_last and kind is WRONG_ATTRIBUTE:
            claim = full_claim(scene, rng)
            text = word(alter_claim(claim, scene, rng.choice(false_claims(claim, scene)), rng), rng)
        is_wrong = kind in (WRONG, WRONG_ATTRIBUTE)
        own = kind if is_last else BESIDE if is_wrong else OTHER_WORDS
        # The heaviest way to copy is not always seen as a copy, which the duplicates part measures.
        how = rng.choice(copies.PICTURE_COPIES[:5])
        yield Row(origin=origin, data=copies.copy_picture(data, how, rng) if place else data, text=text), own


def _repeated_caption(kind: Kind, origin: int, rng: random.Random) -> Iterator[tuple[Row, Kind]]:
    """Yield six pictures that share a caption."""
    scene = make_scene(rng, kind="single")
    (group,) = scene.groups
    claim = full_claim(scene)
    if kind is SHORT:
        claim = Claim(groups=(GroupClaim(noun=group.noun, colour=group.colour),))
    text = word(claim, rng)
    for place in range(_REPEATED):
        if kind is SCATTERED:
            other = make_scene(rng)
            while holds(claim, other):
                other = make_scene(rng)
        elif kind is REPEATED:
            other = copies.redrawn(scene, rng)
        else:
            other = _with_object(group, rng)
        yield Row(origin=origin + place, data=copies.draw_scene(other, rng), text=text), kind


def breadth_rows(rng: random.Random, sizes: Sizes, *, is_broad: bool) -> Planted:
    """Return rows with full captions and a tenth much broader ones, or broad captions and a tenth full ones."""
    planted: Planted = []
    for number in range(sizes.ordinary):
        scene = make_scene(rng)
        full, ground = full_claim(scene, rng), Claim(background=scene.background)
        bare = Claim(groups=(GroupClaim(noun=scene.groups[0].noun, count=scene.groups[0].count),))
        if number % 10:
            kind, claim = (FULL, full) if is_broad else (GROUND, ground)
        elif is_broad:
            kind, claim = ((NO_WORD, Claim()), (BARE, bare), (BROAD, ground))[number // 10 % 3]
        else:
            kind, claim = NARROW, full
        planted.append((Row(origin=number, data=copies.draw_scene(scene, rng), text=word(claim, rng)), kind))
    return planted


def sound_rows(rng: random.Random, noise: np.random.Generator, sizes: Sizes) -> Planted:
    """Return recordings with and without a copy whose transcript says the same or something else."""
    planted: Planted = []
    for kind in (OWN_CLIP, OTHER_CASE, ONE_WRONG_WORD, WRONG_WORDS, OTHER_TRANSCRIPT):
        for _ in range(sizes.sounds):
            text, voice = copies.draw_speech(rng)
            sound = copies.speak(text, voice, noise)
            origin = len(planted)
            # Nobody knows which of two transcripts is wrong, so both rows count.
            own = OTHER_CASE if kind is OTHER_CASE else kind if kind.code else OWN_CLIP
            planted.append((Row(origin=origin, data=copies.to_wav(sound), text=text), own))
            if kind is not OWN_CLIP:
                data = copies.copy_sound(sound, rng.choice(copies.SOUND_COPIES), noise)
                planted.append((Row(origin=origin, data=data, text=_retell(text, kind, rng)), kind))
    return planted


def _retell(text: str, kind: Kind, rng: random.Random) -> str:
    if kind is OTHER_TRANSCRIPT:
        return copies.draw_speech(rng)[0]
    if kind is OTHER_CASE:
        return copies.TEXT_COPIES["case and punctuation"](text, rng)
    words = text.split()
    for place in rng.sample(range(len(words)), 1 if kind is ONE_WRONG_WORD else 2):
        words[place] = rng.choice(["lantern", "harbour", "seldom", "copper"])
    return " ".join(words)


def _say_some(scene: Scene, rng: random.Random) -> str:
    claim = random_claim(scene, rng)
    while claim == Claim():
        claim = random_claim(scene, rng)
    return word(claim, rng)


def _say_false(scene: Scene, rng: random.Random) -> str:
    claim = full_claim(make_scene(rng), rng)
    while holds(claim, scene):
        claim = full_claim(make_scene(rng), rng)
    return word(claim, rng)


def _with_object(group: Group, rng: random.Random) -> Scene:
    """Return another scene with this object, alone, of any size and on any ground."""
    scene = make_scene(rng, kind="single")
    return copies.with_look(scene, group)


def judge_labels(planted: Planted, modality: str, codes: Sequence[str], seed: int) -> list[Flagged]:
    """Return what each of the codes took of one set, whose rows are of one modality (`image` or `audio`)."""
    scanned = scan([row for row, _ in planted], modality)
    kinds = [kind for _, kind in planted]
    judged = _run(scanned, modality)
    taken = _taken(judged, codes)
    sound = [one for one, kind in zip(scanned, kinds, strict=True) if not kind.code]
    clean = _taken(_run(sound, modality), codes)
    found = []
    for code in codes:
        mask = taken[code]
        flagged = Flagged(code=code, seed=seed, clean=Counts(false_alarms=int(clean[code].sum()), sound=len(sound)))
        for at, kind in enumerate(kinds):
            is_fault, is_taken = kind.code == code, bool(mask[at])
            one = Counts(is_taken, 0, not is_taken) if is_fault else Counts(0, is_taken, 0, 1)
            flagged.kinds[kind.name] = flagged.kinds.get(kind.name, Counts()) + one
        found.append(flagged)
    if BREADTH in codes:
        names = np.array([kind.name for kind in kinds])
        rest = np.array([not kind.code for kind in kinds])
        sign = -1.0 if NARROW in kinds else 1.0
        for name in dict.fromkeys(kind.name for kind in kinds if kind.code):
            here = rest | (names == name)
            for metric, areas in (("consistency.breadth", found[0].areas), ("caption.vagueness", found[0].vague_areas)):
                areas[name] = roc_auc(sign * judged.values[metric][here], (names == name)[here])
    return found


def _run(scanned: Sequence[Scanned], modality: str) -> Judged:
    return run_analyses(to_shards(scanned, with_words=modality == "image"), ANALYSES)


def _taken(judged: Judged, codes: Sequence[str]) -> dict[str, Bools]:
    breadth = np.nan_to_num(judged.values["consistency.breadth"])
    odd = (breadth > _BROADEST) | (breadth < _NARROWEST)
    return {code: odd if code == BREADTH else judged.has(code) for code in codes}
