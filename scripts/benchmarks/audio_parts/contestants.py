"""Who takes part, on what, and with which settings."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmarks.audio_parts.ours import read_measured, scan
from scripts.benchmarks.contest import Entry, Standing, peer_python

_PARTS = "scripts.benchmarks.audio_parts"
_PLAIN = str.maketrans({" ": "_", ",": None, "+": None, "'": None, ":": None})
OURS = "mmcheck scan"
FLOOR = "floor: encoder and one decoder pass"
FASTER_WHISPER = "faster-whisper + jiwer"
BATCHED = "faster-whisper BatchedInferencePipeline + jiwer"
TRANSFORMERS = "transformers' pipeline + jiwer"
WINDOWS = ("full", "fitted")
OWN_WINDOWS = (*WINDOWS, "auto")
"""Those of ours: auto finds out in a trial on some clips of the set whether fitted ones are good enough."""
NO_NULL = "probes.transcript_null.enabled=false"
"""That probe samples 200 clips, however large a set is; in a set of 60 it would be most of the time."""
_SURE = "-100"
"""Limit that nothing is below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A model and the clips to check with it."""

    name: str
    model: Path
    manifest: Path
    items: int
    slow: int
    """Clips for transformers' pipeline; with 0 it takes no part."""
    language: str
    """For transformers' pipeline, which refuses it for models that know English only."""
    settings: tuple[str, ...]
    """Of ours."""
    device: str = "cpu"
    """``cpu``; or ``cuda``, where only ours and the floor take part."""


def make_entries(task: Task, scores: Path, *, has_floor: bool) -> list[Entry]:
    """Return the programs that take turns.

    Args:
        task: What they do.
        scores: Folder for their scores.
        has_floor: Whether the floor is measured.
    """

    def entry(name: str, kind: str, python: Path | str, worker: str, *more: str, items: int = task.items) -> Entry:
        shared = ("--manifest", str(task.manifest), "--model", str(task.model), "--items", str(items))
        told = ("--scores", str(scores / f"{task.name} {name}.json".translate(_PLAIN)))
        env = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONUNBUFFERED": "1"}
        return Entry(
            name=name, kind=kind, command=(str(python), "-m", f"{_PARTS}.{worker}", *shared, *told, *more), env=env
        )

    entries = []
    on = ("--device", task.device)
    for window in OWN_WINDOWS:
        settings = ";".join((*task.settings, f"probes.transcript.window={window}"))
        entries.append(entry(f"{OURS}, {window} windows", "ours", sys.executable, "ours", "--set", settings, *on))
    if has_floor:
        entries += [
            entry(f"{FLOOR}, {window} windows", "floor", sys.executable, "floor", "--window", window, *on)
            for window in WINDOWS
        ]
    if task.device == "cuda":
        return entries
    for name, options in ((FASTER_WHISPER, ()), (BATCHED, ("--batched", "yes"))):
        python = peer_python("audio-faster-whisper", ("faster-whisper", "jiwer"))
        entries.append(entry(name, "peer", python, "faster_whisper_loop", *options))
    if not task.slow:
        return entries
    python = peer_python("audio-transformers", ("torch", "transformers", "jiwer", "soundfile"))
    given = ("--language", task.language) if task.language else ()
    return [*entries, entry(TRANSFORMERS, "peer", python, "transformers_pipeline", *given, items=task.slow)]


def limits_for_share(model: Path, manifest: Path, share: float, device: str) -> tuple[str, ...]:
    """Return the settings under which ours finds a share of a set uncertain, whatever the model thinks of it.

    Random weights find every transcript unlikely. The mean log-probability that a share of the set lies below becomes
    the one limit; it is measured once and kept.
    """
    kept = model / f"limit-{manifest.parent.name}.json"
    if not kept.exists():
        with tempfile.TemporaryDirectory(prefix="bench-mmcheck-") as folder:
            out = Path(folder) / "run"
            count = len(manifest.read_text("utf-8").splitlines())
            settings = [f"probes.transcript.model={model}", "probes.transcript.transcribe=never", NO_NULL]
            scan(manifest, out, settings, limit=count, device=device)
            kept.write_text(json.dumps(read_measured(out)["mean_log_prob"]))
    limit = limit_below_share(json.loads(kept.read_text("utf-8")), share)
    others = ("worst_word_log_prob", "end_log_prob", "tail_log_prob")
    return (
        f"probes.transcript.uncertain.mean_log_prob={limit:.6f}",
        *(f"probes.transcript.uncertain.{name}={_SURE}" for name in others),
    )


def limit_below_share(values: Sequence[float], share: float) -> float:
    """Return a limit half way between the values below which a share of them lies and the rest."""
    ordered = sorted(values)
    count = round(share * len(ordered))
    if count == 0:
        return ordered[0] - 1.0
    if count == len(ordered):
        return min(0.0, ordered[-1] + 1.0)
    return (ordered[count - 1] + ordered[count]) / 2


def scores_path(entry: Entry) -> Path:
    """Return the file that an entry stores its scores in."""
    return Path(entry.command[list(entry.command).index("--scores") + 1])


def find(standings: Sequence[Standing], name: str) -> Standing | None:
    """Return the contestant of this name; None if it took no turn."""
    return next((found for found in standings if found.entry.name == name and found.turns), None)
