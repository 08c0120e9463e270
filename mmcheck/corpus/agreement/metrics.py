"""What the agreement analysis measures."""

from __future__ import annotations

from mmcheck.core.types import Metric


def _share(name: str, description: str, *, is_good: bool | None) -> Metric:
    return Metric(name=f"agreement.{name}", description=description, low=0.0, high=1.0, higher_is_better=is_good)


def _count(name: str, description: str, *, is_good: bool | None) -> Metric:
    return Metric(name=f"agreement.{name}", description=description, unit="word", low=0.0, higher_is_better=is_good)


METRICS = (
    _share(
        "second_posterior",
        "probability by the second verifier that recording and transcript are mismatched, from a null of its own",
        is_good=False,
    ),
    _share("agreement", "1 minus the difference of both verifiers' probabilities of a mismatch", is_good=None),
    _share(
        "both_posterior", "the smaller of both probabilities: high where both verifiers doubt the text", is_good=False
    ),
    _share("only_first", "how much surer of a mismatch the first verifier is than the second", is_good=None),
    _share("only_second", "how much surer of a mismatch the second verifier is than the first", is_good=False),
    _count("words_both", "words of the transcript that both verifiers doubt", is_good=False),
    _count("words_one", "words of the transcript that only one of them doubts", is_good=None),
)
