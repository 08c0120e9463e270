"""Libraries' telemetry is off before they are imported: mmcheck tells nobody what it is run on."""

from __future__ import annotations

import os

_SWITCHES = {
    # onnxruntime (from 1.29 on, on Linux too) reports sessions, resolves a host and writes a device id into the cache.
    "ORT_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


def switch_off_telemetry() -> None:
    """Set the variables that the libraries read when they are imported; one that the user has set stays."""
    for name, value in _SWITCHES.items():
        os.environ.setdefault(name, value)
