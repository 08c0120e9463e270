"""LibriCrowd (crowd workers' transcripts, with a reference), Common Voice (validated, invalidated), the self matrix.

The product is scanned as a user would scan, with transcription always on, so that the same run gives the error rate of
transcribe-and-compare with the same weights, and what each Whisper would have written itself.
"""

from __future__ import annotations

import csv
import json
import random
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import mmcheck
from mmcheck.metrics.text_normalization import normalize
from scripts.benchmarks.quality_parts.figures import roc_auc
from scripts.benchmarks.real_parts.online_files import Log, Remote, fetch
from scripts.benchmarks.real_parts.online_images import auprc
from scripts.benchmarks.real_parts.recordings import NoRealDataError

_SPEECH = {  # SHA-256 as torchaudio publishes them
    "dev-clean": "76f87d090650617fca0cac8f88b9416e0ebf80350acb97b343a85fa903728ab3",
    "dev-other": "12661c48e8c3fe1de2c1caa4c3e135193bfb1811584f11f569dd12645aa84365",
    "test-clean": "39fde525e59672dc6d1551919b1478f724438a95aa55f874b576be21967e6c23",
    "test-other": "d09c181bba5cf717b3dee7d4d592af11a3ee3a09e08ae025c5506f6ebe961c29",
}
SUBSETS = tuple(_SPEECH)
_TRUTH, _CROWD = "trans_ground_truth", "trans_human_random_before"


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenText:
    """A recording with a text that somebody gave, and whether it is faulty."""

    id: str
    path: Path
    text: str
    faulty: bool
    language: str = "en"
    truth: str | None = None
    """What is said, where that is known."""


@dataclass(slots=True, kw_only=True)
class SpeechOutcome:
    """What one way found in one set."""

    set: str
    model: str
    method: str
    rows: int
    faulty: int
    auprc: float
    auroc: float


def crowd_texts(
    subset: str, folder: Path, log: Log, *, base: str | None = None, limit: int | None = None
) -> list[GivenText]:
    """Return LibriCrowd's texts of a subset: a random worker's transcript of each recording.

    Raises:
        NoRealDataError: If something cannot be had.
    """
    table = Remote(
        name=f"{subset}_processed.csv",
        url="https://raw.githubusercontent.com/GenerateAI/LibriCrowd/main/transcription/processed/"
        f"{subset}_processed.csv",
    )
    with fetch(table, folder, log, base=base).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rows = random.Random(f"crowd-{subset}").sample(rows, min(limit or len(rows), len(rows)))
    speech = Remote(
        name=f"{subset}.tar.gz",
        url=f"https://www.openslr.org/resources/12/{subset}.tar.gz",
        sha256=None if base else _SPEECH[subset],
        told_size="(about 330 MB)",
    )
    wanted = {speech_id(row["utt_id"]): row for row in rows}
    place = folder / "LibriSpeech" / subset
    _unpack(fetch(speech, folder, log, base=base), wanted, place)
    return [
        GivenText(
            id=name,
            path=place / f"{name}.flac",
            text=row[_CROWD],
            truth=row[_TRUTH],
            faulty=normalize(row[_CROWD], "en") != normalize(row[_TRUTH], "en"),
        )
        for name, row in wanted.items()
        if row[_CROWD].strip() and (place / f"{name}.flac").is_file()
    ]


def speech_id(crowd_id: str) -> str:
    """Return LibriSpeech's id of LibriCrowd's: `8131_117016_54` is `8131-117016-0054`."""
    speaker, chapter, number = crowd_id.split("_")
    return f"{speaker}-{chapter}-{int(number):04d}"


def _unpack(archive: Path, wanted: Sequence[str] | dict[str, dict[str, str]], place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    lacking = {f"{name}.flac" for name in wanted if not (place / f"{name}.flac").is_file()}
    if not lacking:
        return
    with tarfile.open(archive) as opened:
        for member in opened:
            name = member.name.rsplit("/", 1)[-1]
            file = opened.extractfile(member) if name in lacking and member.isfile() else None
            if file is not None:
                (place / f".{name}").write_bytes(file.read())
                (place / f".{name}").replace(place / name)


def voice_texts(release: Path, *, limit: int) -> list[GivenText]:
    """Return texts of a Common Voice release that was unpacked: as many invalidated clips as validated ones.

    Args:
        release: The folder of a language, with `validated.tsv`, `invalidated.tsv` and `clips/`. Downloads need an
            account, so that they are left to people.
        limit: Clips of each kind at most.

    Raises:
        NoRealDataError: If it is not such a folder.
    """
    found = []
    for name, faulty in (("validated", False), ("invalidated", True)):
        table = release / f"{name}.tsv"
        if not table.is_file():
            raise NoRealDataError(f"{release} is no Common Voice release: it has no {table.name}")
        with table.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if row["sentence"]]
        for row in random.Random(f"voice-{name}").sample(rows, min(limit, len(rows))):
            found.append(
                GivenText(
                    id=f"{name}-{row['path']}",
                    path=release / "clips" / row["path"],
                    text=row["sentence"],
                    faulty=faulty,
                    language=row.get("locale") or "en",
                )
            )
    return found


def measure(
    name: str, texts: Sequence[GivenText], models: Sequence[str], folder: Path, log: Log, preset: str = "default"
) -> Iterator[SpeechOutcome]:
    """Yield how well each model's verification, and its transcription compared with the text, ranks faulty texts."""
    faulty = np.array([text.faulty for text in texts], dtype=bool)
    for model in models:
        log(f"{name}: {model}, {len(texts):,} recordings, {int(faulty.sum()):,} with faulty texts")
        run = _scan(texts, model, folder / "judged" / _plain(f"{name}-{model}"), preset)
        ways = {
            "mmcheck": _values(run, "speech", "anomaly"),
            "transcribe and compare": _values(run, "transcript", "wer"),
        }
        if not np.isfinite(ways["mmcheck"]).any():
            # A set that is too small to be judged by itself has only the raw score.
            ways["mmcheck"] = -_values(run, "transcript", "mean_log_prob")
        for method, badness in ways.items():
            yield SpeechOutcome(
                set=name,
                model=model,
                method=method,
                rows=len(texts),
                faulty=int(faulty.sum()),
                auprc=auprc(badness, faulty),
                auroc=roc_auc(badness, faulty),
            )


def self_matrix(
    texts: Sequence[GivenText], models: Sequence[str], folder: Path, log: Log, preset: str = "default"
) -> Iterator[SpeechOutcome]:
    """Yield how well each model finds the errors of what each model wrote itself; needs texts whose truth is known."""
    for writer in models:
        run = _scan(texts, writer, folder / "judged" / _plain(f"written-by-{writer}"), preset)
        written = [
            GivenText(
                id=text.id,
                path=text.path,
                text=heard,
                truth=text.truth,
                language=text.language,
                faulty=normalize(heard, "en") != normalize(text.truth or "", "en"),
            )
            for text, heard in zip(texts, _heard(run), strict=True)
            if heard and text.truth
        ]
        if written:
            yield from measure(f"texts by {writer}", written, models, folder, log, preset)


def _scan(texts: Sequence[GivenText], model: str, place: Path, preset: str) -> mmcheck.Run:
    place.mkdir(parents=True, exist_ok=True)
    rows = [
        {"id": text.id, "audio_filepath": str(text.path.resolve()), "text": text.text, "lang": text.language}
        for text in texts
    ]
    (place / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    options = [f"probes.transcript.model={model}", "probes.transcript.transcribe=always"]
    return mmcheck.scan(place / "rows.jsonl", place / "run", preset, overrides=options, probes="media,transcript")


def _values(run: mmcheck.Run, part: str, name: str) -> NDArray[np.float64]:
    table = run.folder.measurements_table(part, [name])
    if name not in table.column_names:
        return np.full(run.folder.record.rows, np.nan)
    return np.asarray(table[name].cast("float64").to_numpy(zero_copy_only=False), dtype=np.float64)


def _heard(run: mmcheck.Run) -> list[str | None]:
    evidence = run.folder.measurements_table("transcript", ["evidence"])["evidence"].to_pylist()
    return [json.loads(text).get("hypothesis") if text else None for text in evidence]


def _plain(name: str) -> str:
    return "".join(sign if sign.isalnum() or sign in "-." else "-" for sign in name).strip("-.")[-80:]
