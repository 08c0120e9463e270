"""In which number format a model runs.

Half-size weights are several times faster on some CPUs (AMX, AVX512-BF16) and slower on all others, and
flags alone do not tell (a virtual machine may show them and emulate the rest), so a CPU has to prove it in
a short race. Eight-bit integers, which Whisper's encoder alone can take, need no race: they want AVX2, and
what else an x86 CPU has makes them faster still.
"""

from __future__ import annotations

import functools
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_CPUINFO = Path("/proc/cpuinfo")
_MIN_SPEEDUP = 1.2
"""Times as fast that bfloat16 must be to be chosen. Our own choice: it is coarser, so a small gain is not worth it."""


def resolve_precision(asked: str, device: str) -> str:
    """Return ``float32``, ``bfloat16`` or ``float16``.

    ``auto`` means float16 on a GPU; on a CPU bfloat16 if it has the instructions and wins a race of some
    milliseconds, else float32. A named precision is taken as it is.
    """
    if asked != "auto":
        return asked
    if device == "cuda":
        return "float16"
    return "bfloat16" if has_bfloat16_flags() and is_bfloat16_faster() else "float32"


def torch_dtype(precision: str) -> torch.dtype:
    """Return the torch dtype of a precision name."""
    import torch

    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[precision]


def has_bfloat16_flags() -> bool:
    """Return whether the CPU announces AMX-BF16 or AVX512-BF16 (False where that cannot be read)."""
    return not {"amx_bf16", "avx512_bf16"}.isdisjoint(_flags())


def has_int8_flags() -> bool:
    """Return whether the CPU announces AVX2, with which eight-bit products pay (False where that cannot be read)."""
    return "avx2" in _flags()


def _flags() -> list[str]:
    try:
        lines = _CPUINFO.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    return next((line.split(":", 1)[1].split() for line in lines if line.startswith("flags")), [])


@functools.cache
def is_bfloat16_faster() -> bool:
    """Return whether a transformer layer's matrix product runs faster in bfloat16 than in float32."""
    return _MIN_SPEEDUP * _race("bfloat16") < _race("float32")


def _race(precision: str) -> float:
    """Return the best of a few timings in seconds."""
    import torch

    dtype = torch_dtype(precision)
    rows = torch.ones(512, 768, dtype=dtype)
    weight = torch.ones(3072, 768, dtype=dtype)
    best = float("inf")
    with torch.inference_mode():
        for _ in range(4):
            begin = time.perf_counter()
            torch.nn.functional.linear(rows, weight)
            best = min(best, time.perf_counter() - begin)
    return best
