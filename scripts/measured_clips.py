"""Write what a run measured on real recordings into the package, for sets too small to be judged by themselves.

    python scripts/measured_clips.py RUN MODEL SHA256 [SHA256 ...]

RUN is a finished run over correct pairs, in full windows, with as many clips for the null as there are. MODEL names the
weights, and each SHA256 is that of a file with them (model.bin, model.safetensors). Numbers alone are taken over.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from mmcheck.api import open_run  # noqa: E402
from mmcheck.corpus.speech.clips import OWN, PLANTED  # noqa: E402

FOLDER = ROOT / "mmcheck" / "corpus" / "speech" / "measured"
_DIGITS = 3
"""Digits behind the point. Our own choice: a thousandth of a nat is nothing."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("model")
    parser.add_argument("sha256", nargs="+")
    options = parser.parse_args(arguments)
    rows = open_run(options.run).samples().to_arrow().to_pylist()
    kept = [row for row in rows if row.get("transcript.mean_log_prob") is not None and _is_whole(row)]
    told: dict[str, Any] = {"model": options.model, "weights": options.sha256, "values": {}, "null": []}
    for name in ("mean_log_prob", *OWN):
        told["values"][name] = [_short(row.get(f"transcript.{name}")) for row in kept]
    for name in PLANTED:
        told["values"][name] = [_short(row.get(f"transcript_null.{name}")) for row in kept]
    for row in kept:
        listed = json.loads(row.get("transcript_null.evidence") or "{}").get("null", [])
        told["null"] += [_short(item["mean_log_prob"]) for item in listed]
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"whisper-{options.model}.json"
    lines = [f'  "{name}": {json.dumps(column)}' for name, column in told.pop("values").items()]
    head = json.dumps(told)[:-1]
    path.write_text(f'{head}, "values": {{\n' + ",\n".join(lines) + "\n}}\n", "utf-8")
    print(f"{len(kept)} recordings, {len(told['null'])} random pairs -> {path.relative_to(ROOT)}")
    return 0


def _is_whole(row: dict[str, Any]) -> bool:
    """Return whether a recording was verified in one window: the null knows no other ones."""
    return "windows" not in json.loads(row.get("transcript.evidence") or "{}")


def _short(value: float | None) -> float | None:
    return None if value is None else round(float(value), _DIGITS)


if __name__ == "__main__":
    sys.exit(main())
