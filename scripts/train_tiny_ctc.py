"""Make the bundled tiny CTC recogniser: speak a corpus, train on it, measure the result, write it for users.

    python scripts/train_tiny_ctc.py all --minutes 25          # data, train, export, evaluate
    python scripts/train_tiny_ctc.py train --resume            # go on after an interruption
    python scripts/train_tiny_ctc.py evaluate                  # figures of the exported weights
    python scripts/train_tiny_ctc.py all --smoke --out /tmp/t  # seconds, for tests

Needs espeak-ng and nothing from the network. Learning rates follow processor time, so a run of any number of minutes
ends annealed; a slower machine takes fewer steps in the same time.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from scripts.synthetic.speech import SpeechUnavailableError  # noqa: E402
from scripts.tiny_ctc.corpus import Corpus, write_shard  # noqa: E402
from scripts.tiny_ctc.training import Trainer, TrainingOptions, load_average  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = ("data", "train", "export", "evaluate", "all")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code."""
    options = _parser().parse_args(arguments)
    if options.smoke:
        options.minutes, options.shards, options.clips, options.width = 0.05, 1, 40, 64
        options.eval_clips = 4
    torch.set_num_threads(options.threads)
    commands = COMMANDS[:-1] if options.command == "all" else (options.command,)
    try:
        for command in commands:
            _STEPS[command](options)
    except (SpeechUnavailableError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0] if __doc__ else None,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, help="which step; `all` runs the four in turn")
    parser.add_argument("--work", type=Path, default=ROOT / ".work/ctc", help="corpus and checkpoints")
    parser.add_argument("--out", type=Path, default=ROOT / "models/tiny-ctc", help="exported model folder")
    parser.add_argument("--seed", type=int, default=1, help="seed of everything")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to train")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of torch")
    parser.add_argument("--minutes", type=float, default=25.0, help="processor minutes of training, with resumed runs")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument("--shards", type=int, default=12, help="shards of the training corpus")
    parser.add_argument("--clips", type=int, default=1500, help="clips a shard")
    parser.add_argument("--width", type=int, default=192, help="width of the network, a multiple of 16")
    parser.add_argument("--eval-clips", type=int, default=300, help="held-out clips of the evaluation")
    parser.add_argument("--smoke", action="store_true", help="a few seconds of everything, for tests")
    return parser


def _make_data(options: argparse.Namespace) -> None:
    for number in range(options.shards):
        if not (options.work / f"corpus/shard-{number:03d}.jsonl").exists():
            write_shard(options.work / "corpus", number, seed=options.seed, clips=options.clips)
            print(f"shard {number + 1} of {options.shards} written", flush=True)


def _train(options: argparse.Namespace) -> None:
    corpus = Corpus(options.work / "corpus")
    if not corpus.clips:
        raise FileNotFoundError(f"{options.work}/corpus holds no clips\n\nhint: run the `data` step first")
    name = options.device if options.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    trainer = Trainer(
        options.work,
        TrainingOptions(
            minutes=options.minutes,
            seed=options.seed,
            device=torch.device(name),
            is_resumed=options.resume,
            width=options.width,
        ),
    )
    trainer.run(corpus)


def _export(options: argparse.Namespace) -> None:
    from scripts.tiny_ctc.export import export
    from scripts.tiny_ctc.report import write_checksum

    path = options.work / "checkpoint.pt"
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist\n\nhint: run the `train` step first")
    model, step, minutes = load_average(path)
    export(model, options.out)
    origin = f"Step {step} after {minutes:.0f} processor minutes of training, seed {options.seed}."
    print(f"{options.out}: {origin}")
    print(f"sha256 {write_checksum(options.out, origin)}  model.safetensors")


def _evaluate(options: argparse.Namespace) -> None:
    from scripts.tiny_ctc.report import measure, write_tables
    from scripts.tiny_whisper.report import write_card

    figures = measure(options.out, num_clips=options.eval_clips, seed=options.seed + 1000)
    (options.work / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    write_card(options.out, "figures", write_tables(figures))
    print(write_tables(figures))


_STEPS = {"data": _make_data, "train": _train, "export": _export, "evaluate": _evaluate}

if __name__ == "__main__":
    raise SystemExit(main())
