"""What both image-text backends share: unit vectors out of batches, and honest errors from loaders."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mmcheck.core.errors import WeightsError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL import Image

Input = TypeVar("Input")
Batch = TypeVar("Batch")

_MAX_ASPECT = 16
"""Longer to shorter side beyond which a picture is cropped before it is scaled. Our own choice: bounds memory; no
photograph is that narrow."""
_PASS_BYTES = 10 << 20
"""Bytes of the widest tensor of a pass. Measured: no page fault at 10 MB, 1,300 an image at 16 MB, 4,400 at 39 MB;
glibc keeps freed memory up to tensors of 32 MiB, in threads up to a third of that."""
_MAX_RUN = 128
"""Characters of an unbroken run; longer ones are cut. Our own choice: byte-pair merging in Python is quadratic in the
length of a word."""


@contextmanager
def loading(name: str, folder: Path) -> Iterator[None]:
    """Turn what a model library raises while it loads into a WeightsError that says what to do."""
    from safetensors import SafetensorError

    try:
        yield
    except WeightsError:
        raise
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"model {name!r}: the weights in {folder} hold pickled Python objects, which could run any code; "
            "only safetensors and plain tensor files (torch.load with weights_only=True) are loaded.",
            hint="get a copy with a .safetensors file, or convert it where you trust it.",
        ) from error
    except (SafetensorError, EOFError) as error:
        raise WeightsError(
            f"model {name!r}: the weights in {folder} are damaged or cut short: {_first_line(error)}.",
            hint="remove the folder (or its copy in the Hugging Face cache) and get it again.",
        ) from error
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, ImportError) as error:
        raise WeightsError(
            f"model {name!r} in {folder} cannot be loaded: {type(error).__name__}: {_first_line(error)}.",
            hint="the weights must belong to the config beside them; `mmcheck models check` tries a model.",
        ) from error


def images_per_pass(device: str, tokens: int, width: int) -> int | None:
    """Return how many images go through a tower at once; None for any number.

    On a CPU a large tensor is handed back to the system when it is freed and cleared page by page when it
    is made again, in each layer: an eighth of the time of ViT-B/32 in batches of 64.

    Args:
        device: ``cpu`` or ``cuda``.
        tokens: Of one image.
        width: Of the tower's widest layer, in float32.
    """
    return max(1, _PASS_BYTES // (4 * tokens * width)) if device == "cpu" else None


def send(batch: torch.Tensor, device: str) -> torch.Tensor:
    """Return a batch on a device; on its way to a GPU it does not hold up what the CPU has to do next."""
    return batch.pin_memory().to(device, non_blocking=True) if device == "cuda" else batch.to(device)


def unit_rows(
    inputs: Sequence[Input],
    encode: Callable[[Batch], torch.Tensor],
    collate: Callable[[Sequence[Input]], Batch],
    per_pass: int | None = None,
) -> np.ndarray:
    """Return float32 rows of unit length for inputs that ``encode`` takes after ``collate``.

    Args:
        inputs: Images or texts.
        encode: Gives features [n, d].
        collate: Makes one batch of n inputs.
        per_pass: Inputs to encode at once; None for all.
    """
    import numpy as np
    import torch

    if not inputs:
        return np.zeros((0, 0), dtype=np.float32)
    if per_pass is not None and len(inputs) > per_pass:
        even = -(-len(inputs) // -(-len(inputs) // per_pass))
        starts = range(0, len(inputs), even)
        return np.concatenate([unit_rows(inputs[at : at + even], encode, collate) for at in starts])
    with torch.inference_mode():
        features = encode(collate(inputs)).float()
        features = torch.nn.functional.normalize(features, dim=-1)
    rows: np.ndarray = features.cpu().numpy()
    return rows


def break_runs(text: str) -> str:
    """Return ``text`` with blanks put into runs of more than 128 characters without one."""
    if len(text) <= _MAX_RUN:
        return text
    words = []
    for word in text.split():
        words += [word[start : start + _MAX_RUN] for start in range(0, len(word), _MAX_RUN)]
    return " ".join(words)


def crop_extreme(image: Image.Image) -> Image.Image:
    """Return the middle of a strip of more than 16:1, for transforms that keep only the middle square anyway.

    They resize the short side first, and would blow up a strip of 1 x 65,000 pixels to gigabytes.
    """
    width, height = image.size
    longest = _MAX_ASPECT * min(width, height)
    if max(width, height) <= longest:
        return image
    # An even remainder keeps the middle where it was.
    longest += (max(width, height) - longest) % 2
    left, top = max(0, (width - longest) // 2), max(0, (height - longest) // 2)
    return image.crop((left, top, left + min(width, longest), top + min(height, longest)))


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300].rstrip(".:")
