"""The configs that come with mmcheck, by name; known without reading any."""

from __future__ import annotations

PRESETS = ("demo", "default", "fast", "quality")
