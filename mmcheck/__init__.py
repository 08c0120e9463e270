"""mmcheck finds the wrong pairs in image-caption and audio-transcript datasets before a model is trained on them.

The commands are thin over two functions:

    import mmcheck

    run = mmcheck.scan("data/metadata.jsonl", out="runs/first", config="demo")
    run.summary["quarantine"]
    run.samples().to_pandas()
    mmcheck.open_run("runs/first").judge("stricter.yaml")

What a run found wrong travels as errata, and mends anybody's copy of the set:

    run.patch("errata.jsonl")
    mmcheck.apply("errata.jsonl", "elsewhere/train.csv", "mended")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmcheck.core.telemetry import switch_off_telemetry
from mmcheck.core.version import VERSION

switch_off_telemetry()

__version__ = VERSION

if TYPE_CHECKING:
    from mmcheck.api import Run, SampleTable, apply, open_run, scan

_PUBLIC = ("Run", "SampleTable", "apply", "open_run", "scan")
__all__ = ["Run", "SampleTable", "__version__", "apply", "open_run", "scan"]


def __getattr__(name: str) -> Any:
    """Import the public names on first use, so that ``mmcheck --help`` stays quick."""
    if name in _PUBLIC:
        from mmcheck import api

        return getattr(api, name)
    raise AttributeError(f"module 'mmcheck' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names, for completion in notebooks."""
    return sorted(__all__)
