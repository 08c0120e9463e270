"""The command line of the scripts that train a bundled speech model: four steps, run one by one or in turn."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from scripts.synthetic.speech import SpeechUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Step = Callable[[argparse.Namespace], None]
    WriteShard = Callable[..., None]

COMMANDS = ("data", "train", "export", "evaluate", "all")


def make_parser(doc: str | None, *, work: Path, out: Path, minutes: str, width: str) -> argparse.ArgumentParser:
    """Returns the parser; numbers that differ between the models are set by `set_defaults`.

    Args:
        doc: The script's docstring.
        work: Where corpus and checkpoints go.
        out: Where the exported model goes.
        minutes: What `--minutes` means.
        width: What `--width` means.
    """
    parser = argparse.ArgumentParser(
        description=doc.partition("\n")[0] if doc else None,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, help="which step; `all` runs the four in turn")
    parser.add_argument("--work", type=Path, default=work, help="corpus and checkpoints")
    parser.add_argument("--out", type=Path, default=out, help="exported model folder")
    parser.add_argument("--seed", type=int, default=1, help="seed of everything")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to train")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of torch")
    parser.add_argument("--minutes", type=float, help=minutes)
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument("--shards", type=int, help="shards of the training corpus")
    parser.add_argument("--clips", type=int, help="clips a shard")
    parser.add_argument("--width", type=int, default=192, help=width)
    parser.add_argument("--eval-clips", type=int, help="held-out clips of the evaluation")
    parser.add_argument("--smoke", action="store_true", help="a few seconds of everything, for tests")
    return parser


def run_steps(options: argparse.Namespace, steps: Mapping[str, Step], *, smoke_width: int) -> int:
    """Runs the steps that the options name and returns the exit code.

    Args:
        options: What the parser of `make_parser` read.
        steps: Name -> step, in order.
        smoke_width: Width of the network where a few seconds of everything are asked for.
    """
    if options.smoke:
        options.minutes, options.shards, options.clips, options.width = 0.05, 1, 40, smoke_width
        options.eval_clips = 4
    torch.set_num_threads(options.threads)
    commands: Sequence[str] = COMMANDS[:-1] if options.command == "all" else (options.command,)
    try:
        for command in commands:
            steps[command](options)
    except (SpeechUnavailableError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def make_shards(options: argparse.Namespace, write_shard: WriteShard) -> None:
    """Writes the shards of the corpus that are not there yet."""
    for number in range(options.shards):
        if not (options.work / f"corpus/shard-{number:03d}.jsonl").exists():
            write_shard(options.work / "corpus", number, seed=options.seed, clips=options.clips)
            print(f"shard {number + 1} of {options.shards} written", flush=True)


def find_device(name: str) -> torch.device:
    """Returns the device of a name; `auto` is CUDA where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def find_checkpoint(options: argparse.Namespace) -> Path:
    """Returns the checkpoint that training left.

    Raises:
        FileNotFoundError: If there is none.
    """
    path: Path = options.work / "checkpoint.pt"
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist\n\nhint: run the `train` step first")
    return path


def refuse_empty(options: argparse.Namespace, clips: Sequence[object]) -> None:
    """Refuses a corpus without clips.

    Raises:
        FileNotFoundError: If it has none.
    """
    if not clips:
        raise FileNotFoundError(f"{options.work}/corpus holds no clips\n\nhint: run the `data` step first")
