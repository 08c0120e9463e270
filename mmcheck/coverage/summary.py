"""What ``mmcheck coverage`` left in a run folder, read again."""

from __future__ import annotations

import json
from typing import Any

from mmcheck.core.errors import RunError
from mmcheck.store.run_folder import RunFolder

FOLDER = "coverage"
"""Name of the folder in the run."""


def read_summary(run: RunFolder) -> dict[str, Any]:
    """Return ``coverage/summary.json``.

    Raises:
        RunError: If there is none or it is damaged.
    """
    file = run.path / FOLDER / "summary.json"
    try:
        value = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{file} is missing or damaged.", hint=f"run `mmcheck coverage {run.path}` first.") from error
    if not isinstance(value, dict):
        raise RunError(f"{file} must hold a JSON object.")
    return value
