"""What `mmcheck doctor` looks at: everything that a scan needs, tried rather than believed."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mmcheck.config import PRESETS, load_config
from mmcheck.core.errors import MmcheckError
from mmcheck.core.version import VERSION

_NO_PAIRS = "no model can be loaded, so pairs are not compared; files and texts are still checked"
_NO_IMAGES = "images are not compared with their captions"
_NO_SPEECH = "recordings are not compared with their transcripts"
_NOTHING = "mmcheck does not run"

_NEEDED = (
    ("torch", "torch", _NO_PAIRS),
    ("open_clip", "open-clip-torch", f"{_NO_IMAGES} by CLIP models of open_clip, the bundled one among them"),
    ("transformers", "transformers", f"models of Hugging Face cannot be loaded: {_NO_IMAGES} by SigLIP and the like"),
    ("faster_whisper", "faster-whisper", f"{_NO_SPEECH}, and seconds of speech are not measured"),
    ("ctranslate2", "ctranslate2", _NO_SPEECH),
    ("onnxruntime", "onnxruntime", "seconds of speech are not measured"),
    ("PIL", "pillow", _NOTHING),
    ("av", "av", _NOTHING),
    ("pyarrow", "pyarrow", _NOTHING),
)
"""Module, package, and what does not work without it."""
_LOW_SPACE_GB = 5.0
"""Gigabytes of free disk below which ``doctor`` warns. Our own choice: room for the largest models and a small run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthFinding:
    """One check."""

    name: str
    """What was checked."""
    state: Literal["fine", "note", "broken"]
    """How it stands; ``broken`` means that a scan would fail."""
    seen: str
    """What was seen."""
    hint: str = ""
    """What to do about it."""


def check_health() -> list[HealthFinding]:
    """Return the findings, in the order that a reader wants them. Never raises."""
    found = [
        HealthFinding(name="mmcheck", state="fine", seen=f"{VERSION} on Python {platform.python_version()}"),
        *(_check_package(*needed) for needed in _NEEDED),
        _guard("device", _check_device),
        _guard("cores", lambda: HealthFinding(name="cores", state="fine", seen=str(os.cpu_count()))),
        _guard("presets", _check_presets),
        _guard("bundled models", _check_models),
        _guard("model cache", _check_cache),
    ]
    return found


def _guard(name: str, check: Callable[[], HealthFinding]) -> HealthFinding:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - a doctor reports, whatever happens
        return HealthFinding(name=name, state="broken", seen=f"{type(error).__name__}: {str(error)[:200]}")


def _check_package(module: str, package: str, cost: str) -> HealthFinding:
    try:
        importlib.import_module(module)
        return HealthFinding(name=package, state="fine", seen=importlib.metadata.version(package))
    except Exception as error:  # noqa: BLE001 - a broken shared library raises anything
        return HealthFinding(
            name=package,
            state="broken",
            seen=f"{type(error).__name__}: {str(error)[:200]}",
            hint=f"without it {cost}. pip install --force-reinstall {package}",
        )


def _check_device() -> HealthFinding:
    torch = sys.modules.get("torch") or importlib.import_module("torch")
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        return HealthFinding(name="device", state="fine", seen=", ".join(names))
    return HealthFinding(
        name="device", state="note", seen="cpu only", hint="a GPU is optional; `--device auto` uses one."
    )


def _check_presets() -> HealthFinding:
    from mmcheck.scanning.scan import check_rules

    for preset in PRESETS:
        check_rules(load_config(preset))
    return HealthFinding(name="presets", state="fine", seen=", ".join(PRESETS))


def _check_models() -> HealthFinding:
    from mmcheck.backends import model_catalogue as catalogue

    names = [model.name for model in catalogue.list_models() if model.kind == "bundled"]
    if not names:
        return HealthFinding(
            name="bundled models",
            state="broken",
            seen="none found",
            hint="install mmcheck again from its wheel.",
        )
    faults = []
    for name in names:
        try:
            catalogue.check_model(name)
        except MmcheckError as error:
            faults.append(error.message)
    if faults:
        return HealthFinding(name="bundled models", state="broken", seen="; ".join(faults))
    return HealthFinding(name="bundled models", state="fine", seen=f"{', '.join(names)}: loaded and tried")


def _check_cache() -> HealthFinding:
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE)
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free / 1e9
    seen = f"{folder} ({free:.0f} GB free)"
    if free < _LOW_SPACE_GB:
        return HealthFinding(
            name="model cache", state="note", seen=seen, hint="set HF_HOME to a disk with more free space."
        )
    return HealthFinding(name="model cache", state="fine", seen=seen)
