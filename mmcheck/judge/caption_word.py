"""A word of the caption that does not fit the image: a threshold whose message names the word and what fits better."""

from __future__ import annotations

from dataclasses import replace

from mmcheck.config import RuleConfig
from mmcheck.core.part_traits import RuleTraits
from mmcheck.judge.rule import RuleFindings
from mmcheck.judge.table import JudgeTable
from mmcheck.judge.threshold import ThresholdRule

_ABOVE = "above_max"
_LONGEST = 40  # characters of a word that a message shows; our own choice: longer ones are junk


class CaptionWordRule(ThresholdRule):
    """Fires where the metric lies above ``max``; the cause says whether another word fits better, or none."""

    traits = RuleTraits(meaning="A word of the caption does not fit the image", default_action="flag")
    causes = ("another_fits", "fits_without", _ABOVE)

    @classmethod
    def find_fault(cls, options: RuleConfig) -> str | None:
        """Return what is wrong with the keys of a section, or None."""
        if options.metric is None or options.max is None:
            return f"a {options.rule} rule needs `metric: caption_words.wrong_word` and `max`"
        if options.min is not None:
            return f"a {options.rule} rule has no `min`: there is nothing wrong with a sound word"
        return None

    def apply(self, table: JudgeTable) -> RuleFindings:
        """Return a finding for each row whose value lies above the limit, with the word where one is stored."""
        found = super().apply(table)
        part = self.metric.partition(".")[0]
        words, others = (table.words(part, name).take(found.rows).to_pylist() for name in ("word", "other"))
        causes, messages = list(found.causes), list(found.messages)
        for place, (word, other) in enumerate(zip(words, others, strict=True)):
            if word is not None:
                causes[place] = "fits_without" if other is None else "another_fits"
                if self._template is None:
                    messages[place] = _tell(word, other)
        return replace(found, causes=causes, messages=messages)


def _tell(word: str, other: str | None) -> str:
    said = f'"{word[:_LONGEST]}" does not fit this image'
    return (
        f"{said}; the caption fits better without it."
        if other is None
        else (f'{said}; "{other[:_LONGEST]}" fits better.')
    )
