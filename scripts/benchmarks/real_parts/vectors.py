"""Real CLIP vectors: shuffled, mixed with another domain, with captions of another domain; the product beside others.

The data hold vectors of pairs that people look at (photos with captions, products with titles); the mixes are those of
the data's README.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.digests import digest_bytes
from scripts.benchmarks.quality_parts import baselines
from scripts.benchmarks.quality_parts.figures import Counts, best_threshold, count, roc_auc
from scripts.benchmarks.quality_parts.stored import embedded_shards, run_analyses
from scripts.benchmarks.real_parts.recordings import NoRealDataError

Log = Callable[[str], None]
Half = NDArray[np.float16]
Bools = NDArray[np.bool_]

PRODUCT = "mmcheck"
SHARES = (0.0, 0.02, 0.15, 0.40)
FOREIGN = (0.1, 0.2, 0.3, 0.4, 0.5, 1.0)
MINORITY = 44
"""Photos that are shuffled inside the two sets together."""
_FOLDER = "real-clip-embeddings"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VectorSet:
    """Pairs of unit vectors; rows of `image` and `text` belong together."""

    name: str
    image: Half
    text: Half

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.image)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mix:
    """A set with planted faults."""

    title: str
    """What was done, the same for all seeds."""
    image: Half
    text: Half
    faulty: Bools


@dataclass(slots=True, kw_only=True)
class VectorOutcome:
    """What one way found in one mix."""

    mix: str
    rows: int
    seed: int
    method: str
    auc: float
    counts: Counts
    planted: float
    """Share of faulty rows."""
    flagged: Counts | None = None
    """Quarantined or flagged."""
    unvouched: Counts | None = None
    """Quarantined or `unchecked`: rows that the product does not vouch for."""
    share: float | None = None
    low: float | None = None
    high: float | None = None

    def plain(self) -> dict[str, Any]:
        """Return it fit for JSON."""
        return asdict(self)

    @property
    def holds(self) -> bool | None:
        """Whether the stated interval holds the planted share; None where none is stated."""
        if self.low is None or self.high is None:
            return None
        return self.low <= self.planted <= self.high


@dataclass(slots=True, kw_only=True)
class _Way:
    method: str
    badness: NDArray[Any]
    taken: Bools
    others: dict[str, Any] = field(default_factory=dict)


def load_sets(data: Path) -> dict[str, VectorSet]:
    """Return the sets by name, without rows whose vectors are no vectors.

    Raises:
        NoRealDataError: If they are absent.
    """
    found: dict[str, VectorSet] = {}
    for file in sorted((data / _FOLDER).glob("*.npz")):
        with np.load(file, allow_pickle=False) as arrays:
            image, text = arrays["image"], arrays["text"]
        lengths = [np.linalg.norm(part.astype(np.float32), axis=1) for part in (image, text)]
        whole = (lengths[0] > 0.5) & (lengths[1] > 0.5)
        name = file.stem.partition("-")[0]
        found[name] = VectorSet(name=name, image=image[whole], text=text[whole])
    if not {"photos", "products"} <= set(found):
        raise NoRealDataError(f"{data / _FOLDER} lacks photos-*.npz or products-*.npz")
    return found


def draw_mixes(sets: dict[str, VectorSet], seed: int) -> Iterator[Mix]:
    """Yield every mix of a seed; the clean ones, which know no chance, only with seed 1."""
    photos, products = sets["photos"], sets["products"]
    for whole in (photos, products):
        for share in SHARES:
            if share or seed == 1:
                yield shuffle(whole, share, seed)
    image = np.concatenate([products.image, photos.image])
    text = np.concatenate([products.text, photos.text])
    both = VectorSet(name="both", image=image, text=text)
    first = len(products)
    if seed == 1:
        yield Mix(title="products and photos, clean", image=image, text=text, faulty=np.zeros(len(both), dtype=bool))
    rng = random.Random(f"minority-{seed}")
    rows = rng.sample(range(first, len(both)), min(MINORITY, len(photos)))
    yield _ring(both, rows, f"products and photos, {MINORITY} of the photos shuffled")
    for share in FOREIGN:
        if share < 1 or seed == 1:
            yield replace_texts(photos, products, share, seed)


def shuffle(whole: VectorSet, share: float, seed: int) -> Mix:
    """Return the set with a ring through a share of its texts; rows that get an equal text are no faults."""
    rows = random.Random(f"ring-{whole.name}-{share}-{seed}").sample(range(len(whole)), round(share * len(whole)))
    return _ring(whole, rows, f"{whole.name}, {share:.0%} shuffled".replace("%", " %"))


def replace_texts(photos: VectorSet, products: VectorSet, share: float, seed: int) -> Mix:
    """Return the photos with a share of their texts replaced by random product titles."""
    rng = random.Random(f"foreign-{share}-{seed}")
    rows = rng.sample(range(len(photos)), round(share * len(photos)))
    text, faulty = photos.text.copy(), np.zeros(len(photos), dtype=bool)
    text[rows] = products.text[rng.sample(range(len(products)), len(rows))]
    faulty[rows] = True
    title = f"photos, {share:.0%} of the captions are product titles".replace("%", " %")
    return Mix(title=title, image=photos.image, text=text, faulty=faulty)


def measure(
    sets: dict[str, VectorSet], seeds: Sequence[int], log: Log, *, only_largest: int | None = None
) -> list[VectorOutcome]:
    """Return the outcomes of all ways on all mixes.

    Args:
        sets: From ``load_sets``.
        seeds: Each gives its own faults.
        log: Called with a line of progress.
        only_largest: Mixes of more rows are left out; None: none is.
    """
    outcomes: list[VectorOutcome] = []
    for seed in seeds:
        mixes = [mix for mix in draw_mixes(sets, seed) if only_largest is None or len(mix.faulty) <= only_largest]
        for mix in mixes:
            outcomes += _judge(mix, seed)
        log(f"vectors: seed {seed}, {len(mixes)} mixes")
    return outcomes


def _ring(whole: VectorSet, rows: Sequence[int], title: str) -> Mix:
    text, faulty = whole.text.copy(), np.zeros(len(whole), dtype=bool)
    moved = [*rows[1:], *rows[:1]]
    text[list(rows)] = whole.text[moved]
    faulty[list(rows)] = (whole.text[list(rows)] != whole.text[moved]).any(axis=1)
    return Mix(title=title, image=whole.image, text=text, faulty=faulty)


def _judge(mix: Mix, seed: int) -> Iterator[VectorOutcome]:
    for way in _ways(mix):
        yield VectorOutcome(
            mix=mix.title,
            rows=len(mix.faulty),
            seed=seed,
            method=way.method,
            auc=roc_auc(way.badness, mix.faulty),
            counts=count(way.taken, mix.faulty),
            planted=float(mix.faulty.mean()),
            **way.others,
        )


def _ways(mix: Mix) -> Iterator[_Way]:
    image, text = mix.image.astype(np.float32), mix.text.astype(np.float32)
    cosine = np.einsum("ij,ij->i", image, text)
    yield _product(mix, cosine)
    yield _Way(method="top 30 %", badness=-cosine, taken=cosine < np.quantile(cosine, 1 - baselines.KEPT_SHARE))
    mixture = baselines.two_gaussians(cosine)
    share = float(mixture.mean())
    yield _Way(method="two Gaussians", badness=mixture, taken=mixture > 0.5, others={"share": share})
    if not mix.faulty.any() or mix.faulty.all():
        return
    best = -cosine >= best_threshold(-cosine, mix.faulty)
    yield _Way(method="cosine, best cut (oracle)", badness=-cosine, taken=best)
    score = baselines.lemon(image, text, baselines.LemonOptions())
    best = score >= best_threshold(score, mix.faulty)
    yield _Way(method="LEMoN, best cut (oracle)", badness=score, taken=best)


def _product(mix: Mix, cosine: NDArray[np.float32]) -> _Way:
    # Words are not given for all sets: equal vectors count as equal words.
    names = [f"caption {digest_bytes(row.tobytes())[:12]}" for row in mix.text]
    shown = [digest_bytes(row.tobytes()) for row in mix.image]
    shards = embedded_shards(mix.image, mix.text, cosine, names, shown)
    judged = run_analyses(shards, ("alignment",))
    actions = np.array(judged.actions)
    unjudged = ~np.isfinite(judged.values["alignment.image_posterior"])
    found = judged.summaries["alignment"].get("image") or {}
    taken = actions == "quarantine"
    return _Way(
        method=PRODUCT,
        badness=-judged.values["alignment.image_score"],
        taken=taken,
        others={
            "flagged": count(taken | (actions == "flag"), mix.faulty),
            "unvouched": count(taken | unjudged, mix.faulty),
            "share": found.get("share"),
            "low": found.get("share_low"),
            "high": found.get("share_high"),
        },
    )
