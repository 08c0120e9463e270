"""Make the bundled tiny CTC recogniser: speak a corpus, train on it, measure the result, write it for users.

    python scripts/train_tiny_ctc.py all --minutes 25          # data, train, export, evaluate
    python scripts/train_tiny_ctc.py train --resume            # go on after an interruption
    python scripts/train_tiny_ctc.py evaluate                  # figures of the exported weights
    python scripts/train_tiny_ctc.py all --smoke --out /tmp/t  # seconds, for tests

Needs espeak-ng and nothing from the network. Learning rates follow processor time, so a run of any number of minutes
ends annealed; a slower machine takes fewer steps in the same time.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


from scripts.tiny_ctc.corpus import Corpus, write_shard  # noqa: E402
from scripts.tiny_ctc.training import Trainer, TrainingOptions, load_average  # noqa: E402
from scripts.tiny_speech.card import write_card, write_checksums  # noqa: E402
from scripts.tiny_speech.command_line import (  # noqa: E402
    find_checkpoint,
    find_device,
    make_parser,
    make_shards,
    refuse_empty,
    run_steps,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code."""
    parser = make_parser(
        __doc__,
        work=ROOT / ".work/ctc",
        out=ROOT / "models/tiny-ctc",
        minutes="processor minutes of training, with resumed runs",
        width="width of the network, a multiple of 16",
    )
    parser.set_defaults(minutes=25.0, shards=12, clips=1500, eval_clips=300)
    return run_steps(parser.parse_args(arguments), _STEPS, smoke_width=64)


def _make_data(options: argparse.Namespace) -> None:
    make_shards(options, write_shard)


def _train(options: argparse.Namespace) -> None:
    corpus = Corpus(options.work / "corpus")
    refuse_empty(options, corpus.clips)
    trainer = Trainer(
        options.work,
        TrainingOptions(
            minutes=options.minutes,
            seed=options.seed,
            device=find_device(options.device),
            is_resumed=options.resume,
            width=options.width,
        ),
    )
    trainer.run(corpus)


def _export(options: argparse.Namespace) -> None:
    from scripts.tiny_ctc.export import WEIGHT_FILE, export

    model, step, minutes = load_average(find_checkpoint(options))
    export(model, options.out)
    origin = f"Step {step} after {minutes:.0f} processor minutes of training, seed {options.seed}."
    write_checksums(options.out, origin, (WEIGHT_FILE,))


def _evaluate(options: argparse.Namespace) -> None:
    from scripts.tiny_ctc.report import measure, write_tables

    figures = measure(options.out, num_clips=options.eval_clips, seed=options.seed + 1000)
    (options.work / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    write_card(options.out, "figures", write_tables(figures))
    print(write_tables(figures))


_STEPS = {"data": _make_data, "train": _train, "export": _export, "evaluate": _evaluate}

if __name__ == "__main__":
    raise SystemExit(main())
