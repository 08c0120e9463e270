"""What a comparison left in its folder, read again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmcheck.core.errors import OutputError


def read_summary(out: str | Path) -> Mapping[str, Any]:
    """Return what the comparison in ``out`` found.

    Raises:
        OutputError: If there is none, or it cannot be read.
    """
    file = Path(out) / "summary.json"
    try:
        summary: dict[str, Any] = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(f"{file} cannot be read: {error}.", hint="run `mmcheck overlap` again.") from error
    return summary
