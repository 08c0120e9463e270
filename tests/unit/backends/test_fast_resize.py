"""Resizing by torch: the same picture as the model's own transform, or left alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from torchvision import transforms

from mmcheck.backends.fast_resize import fast_resize

SIZES = [(500, 375), (375, 500), (1000, 750), (224, 224), (90, 61), (61, 90), (7, 9), (1600, 100), (100, 1600)]
BICUBIC = transforms.InterpolationMode.BICUBIC


def steps_of(size: int | tuple[int, int] = 224, **options: Any) -> list[Any]:
    made = image_transform_v2(PreprocessCfg(size=size, **options), is_train=False)
    return list(made.transforms[:-2])


def by_steps(steps: Sequence[Any], image: Image.Image) -> np.ndarray:
    found: Any = image
    for step in steps:
        found = step(found)
    return np.asarray(found, dtype=np.int16)


def draw_picture(size: tuple[int, int]) -> Image.Image:
    """Return patches with hard edges under fine noise."""
    draw = np.random.default_rng(size)
    width, height = size
    coarse = draw.integers(40, 216, (height // 8 + 1, width // 8 + 1, 3))
    patches = coarse.repeat(8, axis=0).repeat(8, axis=1)[:height, :width]
    return Image.fromarray((patches + draw.integers(-20, 20, (height, width, 3))).astype(np.uint8))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "options",
    [{}, {"interpolation": "bilinear"}, {"resize_mode": "squash"}, {"resize_mode": "squash", "size": (96, 160)}],
    ids=["shortest", "bilinear", "squash", "oblong"],
)
def test_the_picture_is_the_transforms_own(options: dict[str, Any], size: tuple[int, int]) -> None:
    steps = steps_of(**options)
    resize = fast_resize(steps)
    assert resize is not None
    picture = draw_picture(size)
    wanted, found = by_steps(steps, picture), resize(picture)
    assert found.dtype == np.uint8
    assert found.shape == wanted.shape
    levels = np.abs(found - wanted)
    assert levels.max() <= 2
    assert (levels <= 1).mean() > 0.999


@pytest.mark.parametrize(
    "steps",
    [
        [],
        steps_of(resize_mode="longest"),
        steps_of((96, 160)),
        [transforms.Resize(96, transforms.InterpolationMode.LANCZOS), *steps_of(96)[1:]],
        [transforms.Resize(96, BICUBIC, antialias=False), *steps_of(96)[1:]],
        [transforms.Resize(96, BICUBIC, max_size=120), *steps_of(96)[1:]],
        [transforms.Resize(120, BICUBIC), *steps_of(96)[1:]],
        [*steps_of(96), transforms.Grayscale(3)],
    ],
    ids=["none", "longest", "oblong crop", "lanczos", "not antialiased", "limited", "smaller crop", "another step"],
)
def test_other_steps_are_left_alone(steps: list[Any]) -> None:
    assert fast_resize(steps) is None


def test_a_step_that_does_something_else_under_a_known_name_is_found_out() -> None:
    class CenterCrop(transforms.CenterCrop):
        def forward(self, img: Any) -> Any:
            return super().forward(img).transpose(Image.Transpose.FLIP_LEFT_RIGHT)

    resize, _, convert = steps_of(96)
    assert fast_resize([resize, CenterCrop(96), convert]) is None
