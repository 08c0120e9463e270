"""Numbers in sentences for people."""

from __future__ import annotations


def count_noun(count: int, singular: str, plural: str | None = None) -> str:
    """Return ``1 image``, ``1,200 images``.

    Args:
        count: How many.
        singular: What one is called, words that agree with it included: ``row is``.
        plural: What several are called (default: the singular with an s).
    """
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def percent(share: float) -> str:
    """Return a share in percent with one digit; ``under 0.1`` where rounding would make something nothing.

    Args:
        share: In [0, 1].
    """
    return "under 0.1" if 0 < share < 0.0005 else f"{100 * share:.1f}"
