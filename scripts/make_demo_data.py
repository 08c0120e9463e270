"""Write the demo data: pairs of pictures and recordings with planted faults, and the truth about them.

    python scripts/make_demo_data.py --seed 1 --out /tmp/demo --images 300 --audio 150

The sample shipped with the package is this script's output for seed 0. Faults are named in truth.jsonl, so
that a run over the data can be scored.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.synthetic.image_faults import MIN_IMAGES, write_image_caption


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    out: Path = options.out
    if 0 < options.images < MIN_IMAGES or options.images < 0 or options.audio < 0:
        return _fail(
            f"--images is {options.images} and --audio is {options.audio}, but neither may be negative",
            f"every planted image fault needs its rows: 0 or at least {MIN_IMAGES} images",
        )
    if options.audio and shutil.which("espeak-ng") is None:
        return _fail(
            "espeak-ng, which speaks the recordings, is not on the PATH",
            "apt-get install espeak-ng, or make the images only with --audio 0",
        )
    if out.exists() and not out.is_dir():
        return _fail(f"--out {out} is a file, a folder is wanted", "name another folder")
    if out.is_dir() and any(out.iterdir()):
        return _fail(f"--out {out} is not empty", "name a new folder, or delete this one first")
    truth: list[tuple[str, str | None]] = []
    if options.images:
        truth += write_image_caption(out / "image-caption", options.images, random.Random(f"image-{options.seed}"))
    if options.audio:
        from scripts.synthetic.audio_faults import write_audio_transcript

        truth += write_audio_transcript(out / "audio-transcript", options.audio, random.Random(f"audio-{options.seed}"))
    out.mkdir(parents=True, exist_ok=True)
    with (out / "truth.jsonl").open("w", encoding="utf-8", newline="\n") as file:
        for sample_id, fault in truth:
            file.write(json.dumps({"id": sample_id, "fault": fault}) + "\n")
    faults = sum(fault is not None for _, fault in truth)
    print(f"{out}: {len(truth)} pairs, {faults} with a planted fault")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make_demo_data.py", description="Write demo data with planted faults.")
    parser.add_argument("--seed", type=int, default=0, help="equal seeds give equal bytes (default: 0)")
    parser.add_argument("--out", type=Path, required=True, help="a new or empty folder")
    parser.add_argument("--images", type=int, default=300, help="picture-caption pairs (default: 300; 0: none)")
    parser.add_argument("--audio", type=int, default=150, help="recordings (default: 150; 0: none)")
    return parser


def _fail(message: str, hint: str) -> int:
    print(f"error: {message}\n\nhint: {hint}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    raise SystemExit(main())
