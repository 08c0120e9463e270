"""What ``mmcheck repair`` left in a run folder, read again."""

from __future__ import annotations

import json
from typing import Any

from mmcheck.core.errors import RunError
from mmcheck.store.run_folder import RunFolder

FOLDER = "repair"
"""Name of the folder in the run."""


def read_summary(run: RunFolder) -> dict[str, Any]:
    """Return what the last repair of a run found.

    Raises:
        RunError: If there is none, or it cannot be read.
    """
    file = run.path / FOLDER / "summary.json"
    try:
        summary: dict[str, Any] = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{file} cannot be read: {error}.", hint=f"run `mmcheck repair {run.path}`.") from error
    return summary
