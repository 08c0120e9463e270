"""What every contestant is given and has to say, the same for all; and the error rate that all peers judge by.

Peers run this in their own interpreters, so it needs nothing but the standard library and, in one function, jiwer.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording and its transcript."""

    audio: Path
    text: str


@dataclass(frozen=True, slots=True)
class Work:
    """What one contestant has to do."""

    manifest: Path
    """JSON lines with ``audio`` (relative to the file), ``text`` and ``language``."""
    model: Path
    """Hugging Face folder of a Whisper with its ctranslate2 conversion below ``ctranslate2``, see weights.py."""
    items: int
    """Clips to do, from the first on."""
    scores: Path
    """Where the scores go, as a JSON list in the order of the clips; the larger, the worse the transcript."""
    options: argparse.Namespace
    """Options of this contestant alone."""

    def clips(self) -> list[Clip]:
        """Return the clips in order."""
        rows = [json.loads(line) for line in self.manifest.read_text("utf-8").splitlines()[: self.items]]
        return [Clip(self.manifest.parent / row["audio"], row["text"]) for row in rows]

    def tell(self, seconds: float, scores: Sequence[float] | dict[str, list[float]], **more: Any) -> None:
        """Store the scores and print the line that contest.py reads.

        Args:
            seconds: From the first clip to the last result, model loading left out.
            scores: One a clip; by name if there are several kinds.
            more: Whatever else should be kept.
        """
        self.scores.write_text(json.dumps(scores))
        print(json.dumps({"items": self.items, "seconds": seconds, **more}), flush=True)


def read_work(*options: str, arguments: Sequence[str] | None = None) -> Work:
    """Return the work named on the command line.

    Args:
        options: Names of further options, each with one value.
        arguments: The command line; None for the process's own.
    """
    parser = argparse.ArgumentParser()
    for name in ("manifest", "model", "scores"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--items", type=int, required=True)
    for name in options:
        parser.add_argument(f"--{name}", default="")
    found = parser.parse_args(arguments)
    return Work(found.manifest, found.model, found.items, found.scores, found)


def plain(text: str) -> str:
    """Return the text in lower case without punctuation, as one normalises before counting errors."""
    kept = "".join(char if char.isalnum() or char == "'" else " " for char in text.lower())
    return " ".join(kept.split())


def error_rate(reference: str, hypothesis: str) -> float:
    """Return jiwer's word error rate after ``plain``; 1 for words where none were to be, 0 for none at all."""
    import jiwer

    said, heard = plain(reference), plain(hypothesis)
    return float(jiwer.wer(said, heard)) if said else float(bool(heard))
