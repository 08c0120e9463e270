"""Words that tell one cluster's texts from the others', so that a person gets a name for it.

Class-based tf-idf as in BERTopic: no model, any language, and one number a word that can be explained. Runs of a script
without spaces are cut into pairs of characters, which are no words but tell a reader enough. Counted over at most 2,000
texts a cluster, so that cost and memory stay bounded.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from mmcheck.coverage.constants import WORD_MIN_LIFT, WORD_MIN_SHARE
from mmcheck.metrics.caption_specificity import EMPTY_WORDS, FUNCTION_WORDS
from mmcheck.metrics.caption_words import split_words
from mmcheck.metrics.text_normalization import is_continuous_char

MAX_TEXTS = 2000
"""Texts of one cluster that are counted. Our own choice: bounds time."""
MAX_WORDS = 5
"""Words that describe a cluster. Our own choice: a line stays readable."""
_NAME_WORDS = 3  # words of a cluster's name; our own choice: it must fit the map
_MAX_CHARACTERS = 2000  # characters of a text that are read; our own choice: bounds time
_MAX_WORD = 30  # characters of the longest word; our own choice: longer ones are addresses and the like


def choose_words(texts: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return up to five distinguishing words of each cluster, the most distinguishing first.

    Score: tf(word, cluster) * log(1 + A / f(word)) (Grootendorst, arXiv 2203.05794), where tf is the word's share of
    the cluster's words, f its count in all clusters and A the mean count of words a cluster; a text counts a word once.
    A word must stand in two texts and in a tenth of the cluster's, and be 1.3 times as frequent there as elsewhere.

    Args:
        texts: The texts of each cluster.

    Returns:
        One list a cluster; empty where no word tells it from the others.
    """
    counts: list[Counter[str]] = []
    for part in texts:
        counter: Counter[str] = Counter()
        for text in part[:MAX_TEXTS]:
            counter.update(set(_words(text)))
        counts.append(counter)
    sizes = [min(len(part), MAX_TEXTS) for part in texts]
    totals: Counter[str] = Counter()
    for counter in counts:
        totals.update(counter)
    mean = sum(totals.values()) / max(len(counts), 1)
    num_texts = sum(sizes)
    chosen = []
    for counter, size in zip(counts, sizes, strict=True):
        words = max(sum(counter.values()), 1)
        scores = {}
        for word, count in counter.items():
            if count < min(2, size) or count < WORD_MIN_SHARE * size:
                continue
            elsewhere = (totals[word] - count) / max(num_texts - size, 1)
            if count / size >= WORD_MIN_LIFT * elsewhere:
                scores[word] = count / words * math.log1p(mean / totals[word])
        # Ties by the alphabet: nothing may depend on the order of the texts.
        chosen.append(sorted(scores, key=lambda word: (-scores[word], word))[:MAX_WORDS])
    return chosen


def name_clusters(words: Sequence[Sequence[str]], texts: Sequence[Sequence[str]]) -> list[str]:
    """Return a different name for each cluster: its first three words, else a typical text, else its number.

    Where the clusters are not made of what the texts say (recordings that sound alike), give no words.

    Args:
        words: Distinguishing words of each cluster.
        texts: Typical texts of each cluster, the most typical first.
    """
    names: list[str] = []
    used: Counter[str] = Counter()
    for number, (own, typical) in enumerate(zip(words, texts, strict=True)):
        plain = " ".join(next((text for text in typical if text.strip()), "").split())
        name = ", ".join(own[:_NAME_WORDS]) or (plain[:37] + "..." if len(plain) > 40 else plain) or f"cluster {number}"
        used[name] += 1
        names.append(name if used[name] == 1 else f"{name} ({used[name]})")
    return names


def _words(text: str) -> Iterator[str]:
    for word in split_words(text[:_MAX_CHARACTERS]):
        lower = word.lower().replace("\u2019", "'").removesuffix("'s")
        if any(is_continuous_char(char) for char in lower):
            yield from (lower[place : place + 2] for place in range(max(len(lower) - 1, 1)))
        elif len(lower) > 1 and len(lower) <= _MAX_WORD and lower not in FUNCTION_WORDS and lower not in EMPTY_WORDS:
            yield lower
