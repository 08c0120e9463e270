"""Make the bundled tiny Whisper: speak a corpus, train on it, measure the result, write it for users.

    python scripts/train_tiny_whisper.py all --minutes 85        # data, train, export, evaluate
    python scripts/train_tiny_whisper.py train --resume          # go on after an interruption
    python scripts/train_tiny_whisper.py evaluate                # figures of the exported weights
    python scripts/train_tiny_whisper.py all --smoke --out /tmp/t  # seconds, for tests

Needs espeak-ng and nothing from the network. Learning rates follow wall-clock time, so a run of any number of
minutes ends annealed; a slower or busier machine takes fewer steps in the same time.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tokenizers import Tokenizer  # noqa: E402

from scripts.tiny_speech.card import write_card, write_checksums  # noqa: E402
from scripts.tiny_speech.command_line import (  # noqa: E402
    find_checkpoint,
    find_device,
    make_parser,
    make_shards,
    refuse_empty,
    run_steps,
)
from scripts.tiny_whisper.corpus import Corpus, write_shard  # noqa: E402
from scripts.tiny_whisper.export import WEIGHT_FILES, export  # noqa: E402
from scripts.tiny_whisper.report import measure, write_tables  # noqa: E402
from scripts.tiny_whisper.training import Trainer, TrainingOptions, load_average  # noqa: E402
from scripts.tiny_whisper.vocabulary import train_tokenizer  # noqa: E402

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code."""
    parser = make_parser(
        __doc__,
        work=ROOT / ".work/whisper",
        out=ROOT / "models/tiny-whisper",
        minutes="minutes of training, resumed runs included",
        width="width of the network, 128, 192, ...",
    )
    parser.set_defaults(minutes=85.0, shards=14, clips=2000, eval_clips=400)
    return run_steps(parser.parse_args(arguments), _STEPS, smoke_width=128)


def _make_data(options: argparse.Namespace) -> None:
    make_shards(options, write_shard)


def _train(options: argparse.Namespace) -> None:
    corpus = Corpus(options.work / "corpus")
    refuse_empty(options, corpus.clips)
    tokenizer = train_tokenizer(options.seed)
    tokenizer.save(str(options.work / "tokenizer.json"))
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
    trainer.run(corpus, tokenizer)


def _load(options: argparse.Namespace) -> tuple[Any, Tokenizer, int, float]:
    model, step, minutes = load_average(find_checkpoint(options))
    return model, Tokenizer.from_file(str(options.work / "tokenizer.json")), step, minutes


def _export(options: argparse.Namespace) -> None:
    model, tokenizer, step, minutes = _load(options)
    export(model, tokenizer, options.out)
    origin = f"Step {step} after {minutes:.0f} minutes of training, seed {options.seed}."
    write_checksums(options.out, origin, WEIGHT_FILES)


def _evaluate(options: argparse.Namespace) -> None:
    figures = measure(options.out, num_clips=options.eval_clips, seed=options.seed + 1000)
    (options.work / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    write_card(options.out, "figures", write_tables(figures))
    print(write_tables(figures))


_STEPS = {"data": _make_data, "train": _train, "export": _export, "evaluate": _evaluate}

if __name__ == "__main__":
    raise SystemExit(main())
