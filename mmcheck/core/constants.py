"""Limits that several packages share."""

from __future__ import annotations

PROBABLE = 0.5
"""Probability from which something is taken to be so. Given by the definition: more probable than not."""
BLANK_FROM = 0.9
"""Blankness above which an image is blank: a placeholder, or a failed download; the presets say the same. Our own
choice: colours spread by 1.3 of 255 levels."""
