"""What a probe that serves another one is told of the run as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeContext:
    """The run around a probe."""

    num_rows: int
    """Recordings of the run."""
    texts: tuple[tuple[str, str | None], ...]
    """Distinct transcripts of the run with their languages; a sample of them in a large run."""
    served: Any = None
    """The probe that is served, which shares its model; None for one that serves none."""
    served_fingerprint: str = ""
    """Its fingerprint, the same whether ``auto`` is still open or was settled by an earlier attempt."""
