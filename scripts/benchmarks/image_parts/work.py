"""What every contestant is given and has to say, the same for all.

Peers run this in their own interpreters, so it needs nothing but the standard library.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Pair:
    """An image file and its caption."""

    image: Path
    caption: str


@dataclass(frozen=True, slots=True)
class Work:
    """What one contestant has to do."""

    manifest: Path
    """JSON lines with ``image`` (relative to the file) and ``caption``."""
    items: int
    """Pairs to do, from the first on."""
    model: Path
    """Folder with ``open_clip`` and ``hf``, see weights.py."""
    scores: Path
    """Where the similarities go, as a JSON list in the order of the pairs."""
    options: argparse.Namespace
    """Options of this contestant alone."""

    def pairs(self) -> list[Pair]:
        """Return the pairs in order."""
        lines = self.manifest.read_text("utf-8").splitlines()[: self.items]
        rows = [json.loads(line) for line in lines]
        return [Pair(self.manifest.parent / row["image"], row["caption"]) for row in rows]

    def tell(self, seconds: float, scores: Sequence[float], **more: Any) -> None:
        """Store the similarities and print the line that contest.py reads.

        Args:
            seconds: From the first item to the last result, model loading left out.
            scores: Cosines, one a pair; empty if this contestant has none.
            more: Whatever else should be kept.
        """
        self.scores.write_text(json.dumps([float(score) for score in scores]))
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
        parser.add_argument(f"--{name}", required=True)
    found = parser.parse_args(arguments)
    return Work(found.manifest, found.items, found.model, found.scores, found)
