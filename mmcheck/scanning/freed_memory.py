"""Giving memory back between the stages of a scan: models go before the whole set is looked at.

What a model leaves behind is in pieces that glibc keeps for later, and what comes later (an index over all embeddings,
tables of verdicts) would lie on top of it.
"""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress


def return_freed_memory() -> None:
    """Give what nobody refers to any more back to the system; where that cannot be asked for, nothing happens."""
    gc.collect()
    with suppress(OSError, AttributeError):  # glibc alone has it
        ctypes.CDLL(None).malloc_trim(0)
