"""The version of this package, as stored in runs."""

from __future__ import annotations

VERSION = "0.1.0"
