"""COCO and Flickr30k by Karpathy's splits: fetched, embedded once by the product, judged with planted faults.

The test split is taken as one set, one caption an image (its first). Vectors are those that `mmcheck scan` stores;
every way, the product's included, works on the same ones: the product gets them back by `--embeddings`.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import mmcheck
from mmcheck.core.parts import ANALYSES
from mmcheck.corpus.embeddings import read_embeddings
from mmcheck.store.run_folder import RunFolder, StoredShard
from scripts.benchmarks.quality_parts import baselines
from scripts.benchmarks.quality_parts.figures import best_threshold, roc_auc
from scripts.benchmarks.real_parts.online_files import Log, Remote, fetch
from scripts.benchmarks.real_parts.online_noise import KINDS, CaptionedImage, Noise, plant
from scripts.benchmarks.real_parts.recordings import NoRealDataError

SPLITS = Remote(
    name="caption_datasets.zip",
    url="https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip",
    told_size="(36 MB)",
)
POSITIVES = Remote(
    name="eccv_image_to_caption.json",
    url="https://raw.githubusercontent.com/naver-ai/eccv-caption/main/eccv_caption/data/eccv_image_to_caption.json",
    told_size="(0.5 MB)",
)
CLASSES = Remote(
    name="annotations_trainval2014.zip",
    url="http://images.cocodataset.org/annotations/annotations_trainval2014.zip",
    told_size="(241 MB)",
)
_INSTANCES = "annotations/instances_val2014.json"
METHODS = ("mmcheck", "raw cosine", "s-CLIPLoss", "two Gaussians", "LEMoN, fixed", "LEMoN, tuned (oracle)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSet:
    """A published set."""

    name: str
    splits: str
    """Its file in the archive of splits."""
    pictures: Remote
    kinds: tuple[str, ...] = KINDS
    has_positives: bool = False


COCO = ImageSet(
    name="COCO",
    splits="dataset_coco.json",
    pictures=Remote(
        name="val2014.zip", url="http://images.cocodataset.org/zips/val2014.zip", told_size="(6 GB; test split alone)"
    ),
    has_positives=True,
)
FLICKR = ImageSet(
    name="Flickr30k",
    splits="dataset_flickr30k.json",
    pictures=Remote(
        name="flickr30k-images.zip",
        url="https://huggingface.co/datasets/nlphuji/flickr30k/resolve/main/flickr30k-images.zip",
        told_size="(4.4 GB)",
    ),
    kinds=("random", "noun"),
)


@dataclass(slots=True, kw_only=True)
class ImageOutcome:
    """What one way found in one set with planted faults."""

    set: str
    noise: str
    seed: int
    rows: int
    method: str
    auroc: float
    auprc: float
    f1: float
    """Of the product: what it quarantines, without a label; of the others: at their best cut, found with labels."""
    planted: float
    taken: float = float("nan")
    """Sound rows that were quarantined; of the product alone."""
    share: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")


def measure(
    wanted: ImageSet,
    folder: Path,
    seeds: Sequence[int],
    log: Log,
    *,
    base: str | None = None,
    preset: str = "default",
    limit: int | None = None,
) -> Iterator[ImageOutcome]:
    """Yield the outcomes of a set.

    Args:
        wanted: The set.
        folder: For downloads, pictures and vectors.
        seeds: Each gives its own faults.
        log: Called with a line of progress.
        base: Another server that has the same files; None: the published addresses.
        preset: Config of the scan that makes the vectors.
        limit: Only so many images; None: all.

    Raises:
        NoRealDataError: If something cannot be had.
    """
    rows, positives = load_rows(wanted, folder, log, base=base)
    rows = rows[:limit]
    image, text = _embed(wanted, rows, folder, log, base=base, preset=preset)
    whole = np.isfinite(image).all(axis=1) & np.isfinite(text).all(axis=1)
    kept = np.flatnonzero(whole)
    rows, image, text = [rows[row] for row in kept], image[kept], text[kept]
    nothing = Noise(source=np.arange(len(rows)), faulty=np.zeros(len(rows), dtype=bool))
    yield from _judge(wanted.name, "none", 0, rows, nothing, image, text, folder)
    for kind in wanted.kinds:
        for seed in seeds:
            noise = plant(rows, kind, seed, positives=positives)
            yield from _judge(wanted.name, kind, seed, rows, noise, image, text[noise.source], folder)
            log(f"{wanted.name}: {kind} noise, seed {seed}")


def load_rows(
    wanted: ImageSet, folder: Path, log: Log, *, base: str | None = None
) -> tuple[list[CaptionedImage], dict[int, list[int]]]:
    """Return the test split with one caption an image, and further right captions by image.

    Raises:
        NoRealDataError: If something cannot be had or holds other things than published.
    """
    with zipfile.ZipFile(fetch(SPLITS, folder, log, base=base)) as archive:
        try:
            tree = json.loads(archive.read(wanted.splits))
        except KeyError as error:
            raise NoRealDataError(f"{SPLITS.name} holds no {wanted.splits}") from error
    classes: dict[int, tuple[int, ...]] = {}
    if "category" in wanted.kinds:
        classes = _classes(fetch(CLASSES, folder, log, base=base))
    rows = []
    for number, entry in enumerate(tree["images"]):
        if entry["split"] == "test":
            sentence = entry["sentences"][0]
            image_id = int(entry.get("cocoid", number))
            rows.append(
                CaptionedImage(
                    file=entry["filename"],
                    image_id=image_id,
                    caption_id=int(sentence["sentid"]),
                    caption=" ".join(sentence["raw"].split()),
                    classes=classes.get(image_id, ()),
                )
            )
    positives: dict[int, list[int]] = {}
    if wanted.has_positives:
        found = json.loads(fetch(POSITIVES, folder, log, base=base).read_text("utf-8"))
        positives = {int(image): [int(caption) for caption in captions] for image, captions in found.items()}
    return rows, positives


def _classes(archive: Path) -> dict[int, tuple[int, ...]]:
    found: dict[int, set[int]] = {}
    with zipfile.ZipFile(archive) as opened:
        for entry in json.loads(opened.read(_INSTANCES))["annotations"]:
            found.setdefault(int(entry["image_id"]), set()).add(int(entry["category_id"]))
    return {image: tuple(sorted(classes)) for image, classes in found.items()}


def _embed(
    wanted: ImageSet, rows: Sequence[CaptionedImage], folder: Path, log: Log, *, base: str | None, preset: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the vectors of the rows, made by a scan of the sound set; NaN where there is none."""
    manifest = folder / wanted.name / "sound.jsonl"
    _unpack(fetch(wanted.pictures, folder, log, base=base), [row.file for row in rows], manifest.parent / "images")
    lines = [
        json.dumps({"id": f"{number}", "image": f"images/{row.file}", "caption": row.caption})
        for number, row in enumerate(rows)
    ]
    manifest.write_text("\n".join(lines) + "\n", "utf-8")
    log(f"{wanted.name}: embedding {len(rows):,} pairs")
    run = mmcheck.scan(manifest, manifest.parent / "sound", preset, overrides=_NO_ANALYSES, probes="media,image_text")
    parts = []
    for shard in run.folder.shards():
        present, found = read_embeddings(StoredShard(run.folder, shard), "image_text", ("image", "text"))
        size = found["image"].shape[1]
        block = np.full((2, len(present), size), np.nan, dtype=np.float32)
        block[0, present], block[1, present] = found["image"], found["text"]
        parts.append(block)
    image, text = np.concatenate(parts, axis=1)
    return image, text


_NO_ANALYSES = [f"analyses.{name}.enabled=false" for name in ANALYSES.names()]
_ALIGNMENT_ALONE = [f"analyses.{name}.enabled=false" for name in ANALYSES.names() if name != "alignment"]


def _unpack(archive: Path, names: Sequence[str], place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    lacking = [name for name in names if not (place / name).is_file()]
    if not lacking:
        return
    with zipfile.ZipFile(archive) as opened:
        members = {member.rsplit("/", 1)[-1]: member for member in opened.namelist()}
        if absent := [name for name in lacking if name not in members]:
            raise NoRealDataError(f"{archive} lacks {len(absent):,} pictures of the split, the first is {absent[0]}")
        for name in lacking:
            temporary = place / f".{name}"
            temporary.write_bytes(opened.read(members[name]))
            temporary.replace(place / name)


def _judge(
    name: str,
    kind: str,
    seed: int,
    rows: Sequence[CaptionedImage],
    noise: Noise,
    image: NDArray[np.float32],
    text: NDArray[np.float32],
    folder: Path,
) -> Iterator[ImageOutcome]:
    faulty = noise.faulty
    cosine = np.einsum("ij,ij->i", image, text)
    captions = [rows[row].caption for row in noise.source.tolist()]

    def outcome(method: str, badness: NDArray[np.floating], chosen: NDArray[np.bool_], **others: float) -> ImageOutcome:
        return ImageOutcome(
            set=name,
            noise=kind,
            seed=seed,
            rows=len(rows),
            method=method,
            auroc=roc_auc(badness, faulty),
            auprc=auprc(badness, faulty),
            f1=f1_of(chosen, faulty),
            planted=float(faulty.mean()),
            **others,
        )

    product, others = _product(captions, image, text, folder, score="csls")
    taken = np.array([action == "quarantine" for action in product.samples().to_arrow()["action"].to_pylist()])
    badness = _column(product.folder, "image_posterior")
    # Where the probability is 0 or 1 the score still ranks.
    badness = np.nan_to_num(badness) - 1e-6 * _column(product.folder, "image_score")
    sound_taken = float((taken & ~faulty).sum() / max(1, (~faulty).sum()))
    yield outcome("mmcheck", badness, taken, taken=sound_taken, **others)
    if not faulty.any():
        return
    clip_loss, _ = _product(captions, image, text, folder, score="s_clip_loss")
    ways: dict[str, NDArray[np.floating]] = {
        "raw cosine": -cosine,
        "s-CLIPLoss": -_column(clip_loss.folder, "image_score"),
        "two Gaussians": baselines.two_gaussians(cosine),
        "LEMoN, fixed": baselines.lemon(image, text, baselines.LemonOptions()),
        "LEMoN, tuned (oracle)": baselines.lemon_oracle(image, text, faulty)[0],
    }
    for method, scores in ways.items():
        yield outcome(method, scores, scores >= best_threshold(scores, faulty))


def _product(
    captions: Sequence[str], image: NDArray[np.float32], text: NDArray[np.float32], folder: Path, *, score: str
) -> tuple[mmcheck.Run, dict[str, float]]:
    """Return the product's run on given vectors, and its estimate of the share with the interval.

    The other analyses are left out: none of their rules quarantines.
    """
    place = folder / "judged"
    place.mkdir(parents=True, exist_ok=True)
    np.save(place / "image.npy", image.astype(np.float16))
    np.save(place / "text.npy", text.astype(np.float16))
    lines = [json.dumps({"image": f"{number}.jpg", "caption": caption}) for number, caption in enumerate(captions)]
    (place / "rows.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    run = mmcheck.scan(
        place / "rows.jsonl",
        place / "run",
        embeddings=[place / "image.npy", place / "text.npy"],
        probes="image_text",
        overrides=[*_ALIGNMENT_ALONE, f"analyses.alignment.score={score}"],
        overwrite=True,
    )
    return run, _share(run.folder.find_analysis_summary("alignment"))


def _share(summary: Mapping[str, Any]) -> dict[str, float]:
    """Return the estimated share of mismatched pairs and its interval; NaN where nothing was judged."""
    part = summary.get("image", {})
    names = {"share": "share", "low": "share_low", "high": "share_high"}
    return {name: float(part.get(key, float("nan"))) for name, key in names.items()}


def _column(run: RunFolder, name: str) -> NDArray[np.float64]:
    table = run.measurements_table("alignment", [name])
    if name not in table.column_names:
        return np.full(run.record.rows, np.nan)
    return np.asarray(table[name].cast("float64").to_numpy(zero_copy_only=False), dtype=np.float64)


def auprc(badness: NDArray[np.floating], faulty: NDArray[np.bool_]) -> float:
    """Return the average precision; NaN where nothing is faulty."""
    from sklearn.metrics import average_precision_score

    if not faulty.any():
        return float("nan")
    return float(average_precision_score(faulty, np.nan_to_num(badness, nan=-1e9, posinf=1e9, neginf=-1e9)))


def f1_of(taken: NDArray[np.bool_], faulty: NDArray[np.bool_]) -> float:
    """Return the F1 of what was taken; NaN where nothing is faulty."""
    if not faulty.any():
        return float("nan")
    return float(2 * (taken & faulty).sum() / max(1, taken.sum() + faulty.sum()))
