"""A model's own resizing and cropping on bytes by torch, which takes a fourth of Pillow's time.

Half of what it takes to bring a photograph to the model's input is Pillow's resampling. torch has the same algorithm
for bytes (antialiased, first along rows, then along columns, rounded in between) in vector instructions. Accepted for
that: a value in a few hundred is off by one grey level. Pillow 13 takes columns first where a picture is tall, which
shows only where the first pass overshoots black or white; rows first is what all versions before did, so that stays.
Only transforms whose steps are known are replaced, and each has to prove itself on made-up pictures when the model is
loaded; all others run as the model brings them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

Resize = Callable[["Image.Image"], "np.ndarray"]
"""RGB image -> bytes [height, width, 3] as the model looks at them."""

_PROOFS = ((40, 30), (301, 400), (907, 310))
"""Width and height of the pictures to prove it on: blown up and shrunk, upright and lying. Our own choice: each case
once, quick to try."""
_MAX_LEVELS = 2  # grey levels of 255 that a value may be off; given by rounding: one level in each of two passes


def fast_resize(steps: Sequence[Any]) -> Resize | None:
    """Return a fast replacement of a transform's steps before the tensor, or None if they are not known.

    Args:
        steps: Of torchvision and open_clip, e.g. ``Resize(224, bicubic)``, ``CenterCrop(224)``, conversion to RGB.
    """
    made = _recognise(steps)
    return made if made is not None and _is_proven(made, steps) else None


def _recognise(steps: Sequence[Any]) -> Resize | None:
    from torchvision import transforms  # type: ignore[import-untyped]

    if not steps or type(steps[0]) is not transforms.Resize:
        return None
    resize, *others = steps
    modes = {transforms.InterpolationMode.BICUBIC: "bicubic", transforms.InterpolationMode.BILINEAR: "bilinear"}
    mode = modes.get(resize.interpolation)
    if mode is None or not resize.antialias or resize.max_size is not None:
        return None
    names = [type(step).__name__ for step in others]
    size = [resize.size] if isinstance(resize.size, int) else [int(side) for side in resize.size]
    if names == ["MaybeConvertMode"] and len(size) == 2:
        height, width = size
        return lambda image: _resampled(image, height, width, mode)
    if names != ["CenterCrop", "MaybeConvertMode"] or len(size) != 1:
        return None
    side = size[0]
    if [int(edge) for edge in others[0].size] != [side, side]:
        return None
    return lambda image: _shortest_side(image, side, mode)


def _shortest_side(image: Image.Image, side: int, mode: str) -> np.ndarray:
    """Return the middle square after the shorter side was brought to ``side``, rounded as torchvision rounds."""
    width, height = image.size
    if width <= height:
        width, height = side, int(side * height / width)
    else:
        width, height = int(side * width / height), side
    left, top = round((width - side) / 2), round((height - side) / 2)
    return _resampled(image, height, width, mode)[top : top + side, left : left + side]


def _resampled(image: Image.Image, height: int, width: int, mode: str) -> np.ndarray:
    import numpy as np
    import torch

    # A copy, as torch wants to own what it might write to; Pillow's own layout has a fourth byte.
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
    resized = torch.nn.functional.interpolate(pixels, (height, width), mode=mode, antialias=True)
    made: np.ndarray = resized[0].permute(1, 2, 0).numpy()
    return made


def _is_proven(made: Resize, steps: Sequence[Any]) -> bool:
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    for width, height in _PROOFS:
        # Of middling contrast: nothing overshoots, so the order of the passes makes no difference.
        noise = Image.fromarray(rng.integers(64, 192, (height, width, 3), dtype=np.uint8))
        wanted: Any = noise
        for step in steps:
            wanted = step(wanted)
        expected, found = np.asarray(wanted, dtype=np.int16), made(noise).astype(np.int16)
        if expected.shape != found.shape or int(np.abs(expected - found).max()) > _MAX_LEVELS:
            return False
    return True
