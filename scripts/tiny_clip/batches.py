"""Training batches: pictures, true and falsified captions, and which caption is true of which picture."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import Tensor

from scripts.synthetic.captions import Claim, alter_claim, false_claims, full_claim, random_claim, word
from scripts.synthetic.scenes import BACKGROUNDS, COLOURS, NOUNS, OPPOSITE, RELATIONS, SIZES, Scene, mirror
from scripts.tiny_clip.model import MEAN, STD
from scripts.tiny_clip.pool import Pixels, pool_scene
from scripts.tiny_clip.vocabulary import UNK

_NOUN = {name: index for index, name in enumerate(NOUNS)}
_COLOUR = {name: index for index, name in enumerate(COLOURS)}
_BACKGROUND = {name: index for index, name in enumerate(BACKGROUNDS)}
_SIZE = {name: index for index, name in enumerate(SIZES)}
_RELATION = {name: index for index, name in enumerate(RELATIONS)}
_OPPOSITE = np.array([_RELATION[OPPOSITE[name]] for name in RELATIONS] + [-2])
_NEGATIVE_WEIGHTS = {
    "object": 3.0,
    "count": 2.0,
    "relation": 2.0,
    "colour": 2.0,
    "binding": 1.5,
    "size": 1.0,
    "background": 1.0,
}
NUM_NEGATIVES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One training step's input; B pictures, B true captions, NUM_NEGATIVES * B false ones."""

    pictures: Tensor
    """float32 [B, 3, side, side], normalised."""
    tokens: Tensor
    """int64 [(1 + NUM_NEGATIVES) * B, longest]; caption b is true of picture b, (k + 1) * B + b is not."""
    is_true: Tensor
    """bool [B, (1 + NUM_NEGATIVES) * B]: caption is true of picture."""
    is_vague: Tensor
    """bool [(1 + NUM_NEGATIVES) * B]: caption claims nothing."""
    targets: dict[str, Tensor]
    """What each picture shows, for AttributeHeads; -100 or all zero where an attribute does not apply."""
    said: dict[str, Tensor]
    """What each caption says, true or not, in the same form."""


class BatchMaker:
    """Draws batches from one pool, mirrored, shifted and re-lit at random."""

    def __init__(self, pictures: Pixels, kind: str, *, pool_seed: int, tokenizer: Tokenizer) -> None:
        """Remember the pool [count, side, side, 3] and make its scenes again from their seed."""
        self._pictures = pictures
        self._paired = kind == "full"
        self._scenes = [pool_scene(kind, pool_seed, index) for index in range(len(pictures))]
        self._pairs = [index for index, scene in enumerate(self._scenes) if scene.relation and index % 2 == 0]
        self._tokenizer = tokenizer
        self._unk: int = tokenizer.get_vocab()[UNK]

    def draw(self, size: int, rng: random.Random) -> Batch:
        """Return a batch; in the full pool two thirds of it are sibling pairs."""
        indices = self._choose(size, rng)
        scenes, pictures = self._augment(indices, rng)
        claims = [random_claim(scene, rng) for scene in scenes]
        falsehoods: list[Claim] = []
        for _ in range(NUM_NEGATIVES):
            falsehoods += [self._falsify(claim, scene, rng) for claim, scene in zip(claims, scenes, strict=True)]
        said = claims + falsehoods
        return Batch(
            pictures=pictures,
            tokens=self._tokenize([word(claim, rng) for claim in said], rng),
            is_true=torch.from_numpy(truth_table(said, scenes)),
            is_vague=torch.tensor([not claim.groups and claim.background is None for claim in said]),
            targets=_targets([full_claim(scene) for scene in scenes]),
            said=_targets(said),
        )

    def _choose(self, size: int, rng: random.Random) -> list[int]:
        total = len(self._scenes)
        if not self._paired:
            return [rng.randrange(total) for _ in range(size)]
        chosen: list[int] = []
        while len(chosen) < size * 2 // 3:
            # Relations and bindings are learned last, from pictures of two objects, so these come more often.
            use_pair = self._pairs and rng.random() < 0.35
            first = rng.choice(self._pairs) if use_pair else 2 * rng.randrange(total // 2)
            chosen += [first, first + 1]
        return chosen + [rng.randrange(total) for _ in range(size - len(chosen))]

    def _augment(self, indices: list[int], rng: random.Random) -> tuple[list[Scene], Tensor]:
        scenes: list[Scene] = []
        side = self._pictures.shape[1]
        stack = np.empty((len(indices), side, side, 3), dtype=np.float32)
        for row, index in enumerate(indices):
            scene, picture = self._scenes[index], self._pictures[index]
            if rng.random() < 0.5:
                scene, picture = mirror(scene), picture[:, ::-1]
            x, y = rng.randint(-2, 2), rng.randint(-2, 2)
            picture = np.roll(picture, (y, x), axis=(0, 1))
            tint = [rng.uniform(0.93, 1.07) * 255 for _ in range(3)]
            stack[row] = picture / np.array(tint, dtype=np.float32) + rng.uniform(-0.05, 0.05)
            scenes.append(scene)
        normal = (stack - np.asarray(MEAN, np.float32)) / np.asarray(STD, np.float32)
        return scenes, torch.from_numpy(normal).permute(0, 3, 1, 2)

    def _falsify(self, claim: Claim, scene: Scene, rng: random.Random) -> Claim:
        names = false_claims(claim, scene)
        if not names:
            claim = full_claim(scene, rng)
            names = false_claims(claim, scene)
        return alter_claim(claim, scene, rng.choices(names, [_NEGATIVE_WEIGHTS[name] for name in names])[0], rng)

    def _tokenize(self, texts: list[str], rng: random.Random) -> Tensor:
        rows = [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]
        for row in rows:
            if rng.random() < 0.08:
                for _ in range(rng.randint(1, 3)):
                    row.insert(rng.randrange(1, len(row)), self._unk)
        tokens = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
        for index, row in enumerate(rows):
            tokens[index, : len(row)] = row
        return torch.from_numpy(tokens)


def truth_table(claims: list[Claim], scenes: list[Scene]) -> npt.NDArray[np.bool_]:
    """Return bool [scenes, claims], true where the claim holds; `captions.holds` for all pairs at once."""
    said = np.array([_claim_row(claim) for claim in claims])[None]
    seen = np.array([_scene_row(scene) for scene in scenes])[:, None]

    def fits(one: int, other: int) -> npt.NDArray[np.bool_]:
        claim, scene = said[..., 3 + 4 * one : 7 + 4 * one], seen[..., 3 + 4 * other : 7 + 4 * other]
        result: npt.NDArray[np.bool_] = ((claim == -1) | (claim == scene)).all(axis=-1)
        return result

    relation, real = said[..., 1], seen[..., 1]
    is_pair = seen[..., 2] == 2
    one = fits(0, 0) | (fits(0, 1) & is_pair)
    straight = fits(0, 0) & fits(1, 1) & ((relation == -1) | (relation == real))
    crossed = fits(0, 1) & fits(1, 0) & ((relation == -1) | (relation == _OPPOSITE[real]))
    groups = said[..., 2]
    objects = (groups == 0) | ((groups == 1) & one) | ((groups == 2) & is_pair & (straight | crossed))
    table: npt.NDArray[np.bool_] = objects & ((said[..., 0] == -1) | (said[..., 0] == seen[..., 0]))
    return table


def _claim_row(claim: Claim) -> list[int]:
    row = [
        _BACKGROUND.get(claim.background or "", -1),
        _RELATION.get(claim.relation or "", -1),
        len(claim.groups),
    ]
    for group in claim.groups:
        row += [_NOUN.get(group.noun or "", -1), _COLOUR.get(group.colour or "", -1)]
        row += [group.count or -1, _SIZE.get(group.size or "", -1)]
    return row + [-1] * (11 - len(row))


def _scene_row(scene: Scene) -> list[int]:
    row = [_BACKGROUND[scene.background], _RELATION.get(scene.relation or "", -1), len(scene.groups)]
    for group in scene.groups:
        row += [_NOUN[group.noun], _COLOUR[group.colour], group.count, _SIZE.get(group.size or "", -2)]
    return row + [-3] * (11 - len(row))


def _targets(claims: list[Claim]) -> dict[str, Tensor]:
    size = len(claims)
    many: dict[str, Tensor] = {
        "noun": torch.zeros(size, len(NOUNS)),
        "colour": torch.zeros(size, len(COLOURS)),
        "bound": torch.zeros(size, len(NOUNS) * len(COLOURS)),
        "side": torch.zeros(size, len(NOUNS) * len(RELATIONS)),
    }
    counts, sizes, backgrounds = [-100] * size, [-100] * size, [-100] * size
    for row, claim in enumerate(claims):
        sides = (claim.relation, OPPOSITE.get(claim.relation or ""))
        for group, side in zip(claim.groups, sides, strict=False):
            noun, colour = _NOUN.get(group.noun or ""), _COLOUR.get(group.colour or "")
            if noun is not None:
                many["noun"][row, noun] = 1
            if colour is not None:
                many["colour"][row, colour] = 1
            if noun is not None and colour is not None:
                many["bound"][row, noun * len(COLOURS) + colour] = 1
            if noun is not None and side is not None:
                many["side"][row, noun * len(RELATIONS) + _RELATION[side]] = 1
        if len(claim.groups) == 1:
            counts[row] = (claim.groups[0].count or -99) - 1
            sizes[row] = _SIZE.get(claim.groups[0].size or "", -100)
        backgrounds[row] = _BACKGROUND.get(claim.background or "", -100)
    return many | {
        "background": torch.tensor(backgrounds),
        "count": torch.tensor(counts),
        "size": torch.tensor(sizes),
    }
