"""What both image-text backends share: unit vectors out of batches, and honest errors from loaders."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcheck.core.errors import WeightsError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL import Image

_MAX_ASPECT = 16
_MAX_RUN = 128
"""Byte-pair merging in Python is quadratic in the length of a word, so longer unbroken runs are cut."""


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


def unit_rows(
    inputs: Sequence[Any], encode: Callable[[Any], torch.Tensor], collate: Callable[[Sequence[Any]], Any]
) -> np.ndarray:
    """Return float32 rows of unit length for inputs that ``encode`` takes after ``collate``."""
    import numpy as np
    import torch

    if not inputs:
        return np.zeros((0, 0), dtype=np.float32)
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
