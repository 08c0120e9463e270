"""Make the bundled image-text model: draw the pictures, train, evaluate, export.

    python scripts/train_tiny_clip.py train --minutes 75
    python scripts/train_tiny_clip.py export
    python scripts/train_tiny_clip.py evaluate --seed 1001

`train` writes its pools, log and checkpoint to the work folder and exports at the end; `export` writes the
latest checkpoint to the model folder, also while training runs. `train --smoke` does all of it in seconds,
with a model that knows nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from scripts.tiny_clip.batches import BatchMaker  # noqa: E402
from scripts.tiny_clip.evaluation import evaluate, load_encoder  # noqa: E402
from scripts.tiny_clip.model import export_model, make_model  # noqa: E402
from scripts.tiny_clip.pool import load_pool  # noqa: E402
from scripts.tiny_clip.training import Plan, Training  # noqa: E402
from scripts.tiny_clip.vocabulary import make_tokenizer  # noqa: E402


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    work, out = Path(options.work), Path(options.out)
    checkpoint = work / "checkpoint.pt"
    tokenizer = make_tokenizer(num_captions=20_000)
    if options.command == "evaluate":
        _evaluate(out, options)
        return 0
    torch.manual_seed(options.seed)
    model = make_model(tokenizer.get_vocab_size())
    if options.command == "export":
        if not checkpoint.exists():
            print(f"error: no checkpoint at {checkpoint}\n\nhint: run the train command first", file=sys.stderr)
            return 2
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        model.load_state_dict(state["model"])
        print(f"{export_model(model, tokenizer, out)}  step {state['counters'][0]}")
        return 0
    plan = Plan(
        seed=options.seed,
        minutes=options.minutes,
        steps=3 if options.smoke else options.steps,
        batch_size=8 if options.smoke else options.batch_size,
        learning_rate=options.learning_rate,
        close_share=options.close_share,
        device=_device(options.device),
    )
    training = Training(model, plan)
    if options.resume and checkpoint.exists():
        training.resume(checkpoint)
        print(f"continuing at step {training.step}")

    def maker(kind: str, count: int) -> BatchMaker:
        pictures = load_pool(
            work / "pool",
            kind,
            count=64 if options.smoke else count,
            seed=options.seed,
            workers=1 if options.smoke else options.workers,
        )
        return BatchMaker(pictures, kind, pool_seed=options.seed, tokenizer=tokenizer)

    makers = {
        "close": partial(maker, "close", options.close_pictures),
        "full": partial(maker, "full", options.full_pictures),
    }
    training.run(makers, log=work / "log.jsonl", checkpoint=checkpoint)
    print(f"{export_model(training.model, tokenizer, out)}  {training.num_pictures} pictures seen")
    _evaluate(out, options)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="train_tiny_clip.py", description="Make the bundled tiny-clip model.")
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="draw pictures, train, export, evaluate")
    train.add_argument("--minutes", type=float, default=75.0, help="training time (default: 75)")
    train.add_argument("--steps", type=int, help="end after this many steps instead")
    train.add_argument("--batch-size", type=int, default=96)
    train.add_argument("--learning-rate", type=float, default=2e-3)
    train.add_argument("--close-share", type=float, default=0.35, help="share of the budget on close-ups")
    train.add_argument("--close-pictures", type=int, default=40_000)
    train.add_argument("--full-pictures", type=int, default=80_000)
    train.add_argument("--workers", type=int, default=2, help="processes that draw pictures")
    train.add_argument("--resume", action="store_true", help="continue from the work folder's checkpoint")
    train.add_argument("--smoke", action="store_true", help="three tiny steps, to see that everything runs")
    export = commands.add_parser("export", help="write the latest checkpoint as an open_clip folder")
    judge = commands.add_parser("evaluate", help="measure the exported model on fresh scenes")
    for command in (train, judge):
        command.add_argument("--scenes", type=int, default=1000, help="scenes to evaluate on (default: 1000)")
        command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
        command.add_argument("--evaluation-seed", type=int, default=1001)
    for command in (train, export, judge):
        command.add_argument("--seed", type=int, default=0)
        command.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", "2")))
        command.add_argument("--work", default=str(ROOT / ".work" / "clip"), help="pools, log, checkpoint")
        command.add_argument("--out", default=str(ROOT / "models" / "tiny-clip"), help="the exported folder")
    return parser


def _device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return name


def _evaluate(folder: Path, options: argparse.Namespace) -> None:
    encode = load_encoder(folder, device=_device(options.device))
    scenes = 32 if getattr(options, "smoke", False) else options.scenes
    print(json.dumps(evaluate(encode, seed=options.evaluation_seed, num_scenes=scenes), indent=2))


if __name__ == "__main__":
    raise SystemExit(main())
