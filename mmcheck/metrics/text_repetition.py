"""How much a text repeats itself: residue of tag lists, stuck recognisers and keyword spam."""

from __future__ import annotations

from collections.abc import Sequence


def repeated_ngram_ratio(tokens: Sequence[str], n: int = 2) -> float:
    """Return the share of n-grams that already occurred earlier in ``tokens``, 0 to below 1.

    0 for fewer than two n-grams. "a dog a dog a dog" has 5 bigrams of which 3 are repeats: 0.6.

    Args:
        tokens: Words, or characters for scripts without spaces.
        n: Length of the n-grams.

    Raises:
        ValueError: If ``n`` is below 1.
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, but is {n}.")
    total = len(tokens) - n + 1
    if total < 2:
        return 0.0
    distinct = len({tuple(tokens[start : start + n]) for start in range(total)})
    return 1.0 - distinct / total


def unique_token_ratio(tokens: Sequence[str]) -> float:
    """Return distinct tokens over tokens, above 0 to 1; 1 for no tokens. Curator calls <= 0.4 a hallucination."""
    return len(set(tokens)) / len(tokens) if tokens else 1.0
