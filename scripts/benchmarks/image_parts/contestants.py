"""Who takes part, on what, and how many pairs each is given."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.benchmarks.contest import Entry, Standing, peer_python

_PARTS = "scripts.benchmarks.image_parts"
_OPEN_CLIP_PEERS = (
    *("torch", "torchvision", "open_clip_torch", "pillow", "torchmetrics[multimodal]"),
    # torchmetrics takes the features for tensors, which they no longer are in transformers 5.
    "transformers<5",
)
_PLAIN = str.maketrans({" ": "_", ":": None, ",": "-", "=": None})
OURS = "mmcheck scan"
FLOOR = "floor: forward pass alone"
_FLOOR_ITEMS = 2048
"""At most: its pictures lie ready in memory."""
LOOP = "open_clip loop"
DATA_JUICER = "Data-Juicer op"
TORCHMETRICS = "torchmetrics CLIPScore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """One size of pictures, and how many pairs the slowest and the fastest get: a rate needs seconds, not minutes."""

    width: int
    height: int
    ours: int
    loop: int
    slow: int
    share_of_floor: float
    """Of the floor that is wanted."""

    @property
    def name(self) -> str:
        """Return ``500x375``."""
        return f"{self.width}x{self.height}"

    def times(self, factor: int) -> Size:
        """Return the same size with more pairs for everybody."""
        return replace(self, ours=factor * self.ours, loop=factor * self.loop, slow=factor * self.slow)


SIZES = (
    Size(width=500, height=375, ours=320, loop=128, slow=64, share_of_floor=0.80),
    Size(width=2000, height=1500, ours=224, loop=96, slow=48, share_of_floor=0.60),
)
QUICK_SIZES = (
    Size(width=500, height=375, ours=64, loop=64, slow=32, share_of_floor=0.80),
    Size(width=2000, height=1500, ours=32, loop=32, slow=32, share_of_floor=0.60),
)


def make_entries(size: Size, manifest: Path, model: Path, scores: Path, device: str) -> list[Entry]:
    """Return the programs that take turns on one size.

    Args:
        size: What the pictures are like.
        manifest: The pairs.
        model: Folder of one architecture.
        scores: Folder for similarities.
        device: ``cpu`` or ``cuda``; peers take part on ``cpu`` only.
    """

    def entry(name: str, kind: str, python: Path | str, items: int, *command: str) -> Entry:
        shared = ("--manifest", str(manifest), "--model", str(model), "--items", str(items))
        told = ("--scores", str(scores / f"{size.name} {name}.json".translate(_PLAIN)))
        env = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONUNBUFFERED": "1"}
        called = (str(python), "-m", f"{_PARTS}.{command[0]}", *shared, *told, *command[1:])
        return Entry(name=name, kind=kind, command=called, env=env)

    ours, on = sys.executable, ("--device", device)
    entries = [
        entry(f"{OURS} --probes image_text", "ours", ours, size.ours, "ours", "--probes", "image_text", *on),
        entry(
            f"{OURS} --probes media,image_text", "ours", ours, size.ours, "ours", "--probes", "media,image_text", *on
        ),
        entry(FLOOR, "floor", ours, min(size.ours, _FLOOR_ITEMS), "floor", *on),
    ]
    if device == "cuda":
        return entries
    loops = peer_python("image-peers", _OPEN_CLIP_PEERS)
    entries += [
        entry(LOOP, "peer", loops, size.loop, "open_clip_loop"),
        entry(TORCHMETRICS, "peer", loops, size.slow, "torchmetrics_loop"),
    ]
    juicer = peer_python("image-data-juicer", ("py-data-juicer[generic]",))
    for name, processes, env in (
        ("np=1", "1", {}),
        ("np=2", "2", {}),
        # Each process starts a thread a core by itself, which on few cores is more than there are; so both are tried.
        ("np=2, OMP_NUM_THREADS=1", "2", {"OMP_NUM_THREADS": "1"}),
    ):
        made = entry(f"{DATA_JUICER}, {name}", "peer", juicer, size.slow, "data_juicer_op", "--processes", processes)
        entries.append(replace(made, env={**made.env, **env}))
    return entries


def scores_path(entry: Entry) -> Path:
    """Return the file that an entry stores its similarities in."""
    return Path(entry.command[list(entry.command).index("--scores") + 1])


def find(standings: Sequence[Standing], beginning: str) -> Standing | None:
    """Return the fastest contestant whose name begins so; None if none of them took a turn."""
    able = [found for found in standings if found.entry.name.startswith(beginning) and found.turns]
    return max(able, key=lambda found: found.rate, default=None)
