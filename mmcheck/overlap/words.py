"""What an overlap means, in sentences: for the terminal, the page and the summary alike."""

from __future__ import annotations

from mmcheck.core.pair_kinds import PAIR_KINDS, TEXTS
from mmcheck.overlap.summary import KindCounts, OverlapCounts

NOUNS = {
    **{kind.name: kind.medium_noun for kind in PAIR_KINDS},
    "text": "text",
    "pair": "pair of medium and text",
}
"""What people call what is shared."""


def tell_overlap(summary: OverlapCounts) -> tuple[list[str], list[str]]:
    """Return sentences on the result, and notes on what limits it.

    Args:
        summary: What was counted.
    """
    return _sentences(summary), _notes(summary)


def _sentences(summary: OverlapCounts) -> list[str]:
    rows, shared = summary.test.rows, summary.shared_test_rows
    sentences = []
    for role, given in (("TRAIN", summary.train), ("TEST", summary.test)):
        if not given.rows:
            sentences.append(f"{role} holds no rows, so nothing is shared.")
    if sentences:
        return sentences
    kinds = summary.kinds
    looked = _listed([NOUNS[kind] for kind in summary.by if kinds[kind].compared])
    if not shared:
        sentences.append(f"No row of TEST occurs in TRAIN, by {looked}.")
    else:
        verb = "occurs" if shared == 1 else "occur"
        own, removed, share = summary.train.rows, summary.removed_train_rows, summary.shared_test_share or 0.0
        is_are = "is" if removed == 1 else "are"
        sentences.append(
            f"{shared:,} of {count_rows(rows)} of TEST ({percent(share)}) also {verb} in TRAIN, "
            f"by {looked}; {removed:,} of {count_rows(own)} of TRAIN {is_are} removed from the cleaned manifest."
        )
        if removed == own:
            sentences.append("Every row of TRAIN is removed: nothing is left to train on.")
    if kinds["text"].pairs and not kinds["text"].counts:
        sentences.append("Shared texts alone do not count (short captions recur by chance); --by adds them.")
    return sentences


def tell_kind(kind: str, found: KindCounts) -> str:
    """Return a sentence on what is shared by one kind.

    Args:
        kind: One of the kinds.
        found: Its counts.
    """
    if not found.compared:
        return f"Nothing was compared by {NOUNS[kind]}: one of the two sets holds none."
    if not found.pairs:
        return f"Nothing is shared by {NOUNS[kind]}."
    near = found.test_rows - found.exact_test_rows
    return (
        f"By {NOUNS[kind]}, {count_rows(found.test_rows)} of TEST ({found.exact_test_rows:,} exactly, {near:,} "
        f"nearly) {'is' if found.test_rows == 1 else 'are'} shared with {count_rows(found.train_rows)} of TRAIN."
    )


def count_rows(count: int) -> str:
    """Return the number with its noun: "1 row", "2,000 rows"."""
    return f"{count:,} row{'' if count == 1 else 's'}"


def _notes(summary: OverlapCounts) -> list[str]:
    notes = []
    missed = summary.not_compared.test_rows
    if missed and summary.test.rows:
        notes.append(
            f"{_have(missed)} no medium that could be read and could not be compared by medium; what is not seen may "
            f"be shared (e.g. {', '.join(summary.not_compared.test_ids[:3])})."
        )
    blank = summary.blank_test_rows
    if blank and any(kind.is_seen and kind.name in summary.by for kind in PAIR_KINDS):
        notes.append(
            f"{_have(blank)} a blank image that TRAIN holds as well. An image of one colour is not a leak: it counts "
            "only together with its text (pair)."
        )
    for kind in summary.by:
        found = summary.kinds[kind]
        if kind != "pair" and not found.compared and any(summary.compared[name].test for name in _held(kind)):
            notes.append(f"TEST holds {NOUNS[kind]}s but TRAIN does not, so nothing was compared by {NOUNS[kind]}.")
    for medium in PAIR_KINDS:
        searched = summary.kinds[medium.name].searched.get(medium.name)
        index = searched and searched.index
        if index and index.kind == "approximate":
            recall = "of unknown recall" if index.recall is None else f"that found {percent(index.recall)}"
            notes.append(
                f"Near {medium.media_noun} were looked for by an approximate index {recall} of the nearest neighbours "
                "of a sample; as many near copies may have been missed. Exact copies are all found."
            )
    if summary.is_cut:
        notes.append(
            "Some contents have hundreds of near copies, of which the nearest ones were looked at; clean and compare "
            "again to see whether any are left."
        )
    return notes


def _have(count: int) -> str:
    return f"{count_rows(count)} of TEST {'has' if count == 1 else 'have'}"


def _held(kind: str) -> tuple[str, ...]:
    return TEXTS if kind == "text" else (kind,)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}" if names else "anything"


def percent(share: float) -> str:
    """Return a share in per cent; one that is neither nothing nor all never reads 0 % or 100 %."""
    text = f"{100 * share:.1f} %"
    if text == "0.0 %" and share > 0:
        return "under 0.1 %"
    return "over 99.9 %" if text == "100.0 %" and share < 1 else text
