"""scripts/bench real --online: published sets, fetched when needed, judged as published, with a table of targets.

Nothing here runs by itself: it wants a network, some 11 GB for COCO and Flickr30k and 0.7 GB for LibriCrowd, and hours.
Downloads lie below `--downloads`, are continued by the same command, and everything that was computed from them is kept
there. What cannot be had is left out and said; only what ran is written, between markers of docs/quality.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from scripts.benchmarks.quality_parts.tables import update_document
from scripts.benchmarks.real_parts import online_images, online_speech, online_tables
from scripts.benchmarks.real_parts.recordings import ROOT, NoRealDataError

PARTS = ("coco", "flickr30k", "libricrowd", "common-voice", "self")
_SETS = {"coco": online_images.COCO, "flickr30k": online_images.FLICKR}
Log = Callable[[str], None]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code: 1 if nothing at all could be measured."""
    options = _parser().parse_args(arguments)
    began = time.monotonic()

    def log(line: str) -> None:
        print(f"[{time.monotonic() - began:6.0f} s] {line}", file=sys.stderr, flush=True)

    images: list[online_images.ImageOutcome] = []
    speech: list[online_speech.SpeechOutcome] = []
    for part in options.only or PARTS:
        try:
            if part in _SETS:
                images += _images(part, options, log)
            else:
                speech += _speech(part, options, log)
        except NoRealDataError as error:
            log(f"{part}: left out: {error}")
    blocks = {}
    words = " ".join(["scripts/bench real --online", *(["--only", *options.only] if options.only else [])])
    if images:
        blocks["online-images"] = f"By `{words}`.\n\n{online_tables.write_images(images)}"
    if speech:
        blocks["online-speech"] = f"By `{words}`.\n\n{online_tables.write_speech(speech)}"
    for name, block in blocks.items():
        print(f"## {name}\n\n{block}\n")
    if options.write and blocks:
        update_document(ROOT / "docs" / "quality.md", blocks)
    return 0 if blocks else 1


def _images(part: str, options: argparse.Namespace, log: Log) -> list[online_images.ImageOutcome]:
    found = list(
        online_images.measure(
            _SETS[part],
            options.downloads,
            range(1, options.seeds + 1),
            log,
            base=options.base_url,
            preset=options.preset,
            limit=options.limit,
        )
    )
    log(f"{part}: {online_tables.describe_share(found)}")
    return found


def _speech(part: str, options: argparse.Namespace, log: Log) -> Iterator[online_speech.SpeechOutcome]:
    models, folder, preset = options.models, options.downloads, options.preset
    if part == "common-voice":
        if options.common_voice is None:
            raise NoRealDataError("give an unpacked release of one language: --common-voice FOLDER")
        texts = online_speech.voice_texts(options.common_voice, limit=options.limit or 1000)
        yield from online_speech.measure("Common Voice", texts, models, folder, log, preset)
        return
    for subset in options.subsets:
        crowd = online_speech.crowd_texts(subset, folder, log, base=options.base_url, limit=options.limit)
        if part == "libricrowd":
            yield from online_speech.measure(f"LibriCrowd {subset}", crowd, models, folder, log, preset)
        else:
            yield from online_speech.self_matrix(crowd, models, folder, log, preset)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench real --online", description=__doc__)
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parser.add_argument("--online", action="store_true", help=argparse.SUPPRESS)  # by which scripts/bench came here
    parser.add_argument("--only", nargs="+", choices=PARTS, help="these parts only")
    parser.add_argument(
        "--downloads", type=Path, default=home / "mmcheck-bench" / "online", help="where files lie (%(default)s)"
    )
    parser.add_argument("--base-url", help="another server that has the files by their names, e.g. a mirror")
    parser.add_argument("--seeds", type=int, default=3, help="sets of each noise (default: 3, as in LEMoN)")
    parser.add_argument("--limit", type=int, help="only so many images or recordings of each set")
    parser.add_argument("--preset", default="default", help="config that measures (default: default)")
    parser.add_argument("--models", nargs="+", default=["base", "small"], help="Whispers (default: base small)")
    parser.add_argument(
        "--subsets", nargs="+", choices=online_speech.SUBSETS, default=["test-other"], help="of LibriCrowd"
    )
    parser.add_argument("--common-voice", type=Path, help="an unpacked release of one language")
    parser.add_argument("--write", action="store_true", help="write what ran into docs/quality.md")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
