"""What a manifest's own column says: is it there, is it allowed, is it unique, does it lie within limits.

Licences, collections and permissions, and scores that came along with the data (NSFW, watermark, aesthetic, an existing
CLIP similarity): a set of any size is judged by them without a model, because only the stored rows are read.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from mmcheck.config import COLUMN_PREFIX, RuleConfig, Section
from mmcheck.core.part_traits import RuleTraits
from mmcheck.core.types import Action, Metric
from mmcheck.judge.column_values import ValueList, find_number, is_missing, is_single, items_of, plain_text, shown
from mmcheck.judge.columns import ABSENT, column_name, is_column
from mmcheck.judge.message import MessageTemplate, show_number
from mmcheck.judge.rule import BaseRule, RuleFindings, applicable, condition_metrics, nothing
from mmcheck.judge.table import JudgeTable

_LISTED = 8  # allowed values that a sentence lists; our own choice: more are not read
_BELOW, _ABOVE = "below_min", "above_max"
_Fault = tuple[str, str]
"""Cause and sentence."""


class MetadataOptions(Section):
    """Keys of a rule of kind ``metadata``, besides those of every rule."""

    allowed: tuple[str | bool | int | float, ...] = Field(
        (), description="the only values that are kept; of a list each must be one of them"
    )
    forbidden: tuple[str | bool | int | float, ...] = Field((), description="values that are not kept")
    required: bool = Field(False, description="a row without a value is not kept")
    unique: bool = Field(False, description="of rows with the same value only the first is kept")
    pattern: str | None = Field(None, description="regular expression (RE2) that is found in each value that is kept")
    match_case: bool = Field(False, description="whether capitals and blanks count for allowed and forbidden")

    @field_validator("pattern")
    @classmethod
    def _is_regular(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                pc.match_substring_regex(pa.array([""]), value)
            except pa.ArrowException as error:
                told = str(error).removeprefix("Invalid regular expression: ").strip().rstrip(".")
                raise ValueError(f"not a regular expression that RE2 knows: {told}") from error
        return value


class MetadataRule(BaseRule):
    """Fires where a column of the manifest has no value, or not one that the config keeps.

    Args:
        name: Name of the rule in the config.
        options: Its section; ``metric`` is ``column.<name>``.

    Raises:
        ConfigError: If the message is not a sound template.
    """

    options_model: ClassVar[type[Section]] = MetadataOptions
    traits = RuleTraits(meaning="A column of the manifest is not as the config wants it")
    causes = (
        "missing",
        "not_allowed",
        "not_matching",
        "not_unique",
        "not_a_number",
        "wrong_type",
        _BELOW,
        _ABOVE,
    )

    def __init__(self, name: str, options: RuleConfig) -> None:
        self.name = name
        self.options = options
        self.metric = options.metric or ""
        self.metrics = (self.metric, *condition_metrics(options))
        self._column = column_name(self.metric)
        self._own = options.own(MetadataOptions)
        self._allowed = ValueList(self._own.allowed, match_case=self._own.match_case)
        self._forbidden = ValueList(self._own.forbidden, match_case=self._own.match_case)
        self._template = None if options.message is None else MessageTemplate(options.message, f"rules.{name}.message")

    @property
    def unique_columns(self) -> tuple[str, ...]:
        """Return the columns that are looked at over the whole run."""
        return (self._column,) if self._own.unique else ()

    @classmethod
    def find_fault(cls, options: RuleConfig) -> str | None:
        """Return what is wrong with the keys of a section, or None."""
        if options.metric is None or not is_column(options.metric):
            return f"a {options.rule} rule needs `metric: {COLUMN_PREFIX}<name of a column of the manifest>`"
        own = options.own(MetadataOptions)
        limits = options.min is not None or options.max is not None
        if not (own.allowed or own.forbidden or own.required or own.unique or own.pattern or limits):
            return (
                f"a {options.rule} rule needs one of `allowed`, `forbidden`, `required`, `unique`, `pattern`, `min` "
                "and `max`"
            )
        return None

    def check(self, known: Mapping[str, Metric]) -> list[str]:
        """Return a sentence for each condition that can never hold, and each allowed value that is never kept."""
        faults = super().check(known)
        for value in self._own.allowed:
            if self._own.forbidden and value in self._forbidden:
                faults.append(f"rules.{self.name}: {shown(value)} is both allowed and forbidden")
        return faults

    def apply(self, table: JudgeTable) -> RuleFindings:
        """Return a finding for each row whose value is not as the config wants it: the first thing that is wrong."""
        rows = np.flatnonzero(applicable(self.options, table) & ~table.has_problem)
        if not len(rows):
            return nothing(self.name, self.options)
        values = table.column(self._column)
        matching = self._matching(values, rows.tolist())
        earlier = table.earlier(self._column) if self._own.unique else None
        memo: dict[Any, _Fault | None] = {}
        found: list[tuple[int, str, str, float]] = []
        for row in rows.tolist():
            value = values[row]
            # Texts of a licence or a source repeat; numbers hardly do.
            fault = memo.get(value) if isinstance(value, str) and value in memo else self._judge(value)
            if isinstance(value, str) and len(memo) < _MEMO:
                memo[value] = fault
            if fault is None and row in matching:
                fault = ("not_matching", f"{self._is(value)}, which does not match {self._own.pattern}.")
            if fault is None and earlier is not None and (place := earlier.get(row)):
                fault = ("not_unique", f"{self._is(value)} again: {place} has it first.")
            if fault is not None:
                found.append((row, *fault, self._number(value, fault[0])))
        observed = np.array([number for *_, number in found])
        limit = np.array([self._limit(cause) for _, cause, _, _ in found])
        return RuleFindings(
            rule=self.name,
            action=Action(self.options.action),
            rows=np.array([row for row, *_ in found], dtype=np.int64),
            causes=[cause for _, cause, _, _ in found],
            messages=[
                self._message(message, number, bound)
                for (_, _, message, _), number, bound in zip(found, observed.tolist(), limit.tolist(), strict=True)
            ],
            metric=self.metric,
            observed=observed,
            limit=limit,
        )

    def _judge(self, value: Any) -> _Fault | None:
        """Return what is wrong with a value by itself, or None."""
        if is_missing(value):
            if not self._own.required:
                return None
            if value is ABSENT:
                return ("missing", f"The row has no column {self._column}.")
            return ("missing", f"The column {self._column} has no value.")
        is_list = isinstance(value, list)
        for item in items_of(value):
            if fault := self._judge_one(item, "holds" if is_list else "is"):
                return fault
        return None

    def _judge_one(self, value: Any, verb: str) -> _Fault | None:
        own, options = self._own, self.options
        limits = options.min is not None or options.max is not None
        if not is_single(value):
            if own.allowed or own.forbidden or own.pattern or limits:
                what = "an object" if isinstance(value, Mapping) else "a list in a list"
                return ("wrong_type", f"The column {self._column} holds {what} ({shown(value)}), not one value.")
            return None
        if own.allowed and value not in self._allowed:
            return ("not_allowed", f"{self._is(value, verb)}; allowed {self._tell_allowed(value)}.")
        if own.forbidden and value in self._forbidden:
            return ("not_allowed", f"{self._is(value, verb)}, which is not allowed.")
        if not limits:
            return None
        number = find_number(value)
        if number is None:
            return ("not_a_number", f"{self._is(value, verb)}, which is not a number.")
        if options.min is not None and number < options.min:
            return (_BELOW, f"{self._shows(number, options.min, verb)}, below the minimum {show_number(options.min)}.")
        if options.max is not None and number > options.max:
            return (_ABOVE, f"{self._shows(number, options.max, verb)}, above the maximum {show_number(options.max)}.")
        return None

    def _matching(self, values: Sequence[Any], rows: Sequence[int]) -> frozenset[int]:
        """Return the rows with a value that the pattern is not found in."""
        if self._own.pattern is None:
            return frozenset()
        owners, texts = [], []
        for row in rows:
            if is_missing(values[row]):
                continue
            for item in items_of(values[row]):
                if is_single(item):
                    owners.append(row)
                    texts.append(plain_text(item).encode("utf-8", "replace").decode())
        hits = pc.match_substring_regex(pa.array(texts, pa.string()), self._own.pattern).to_numpy(zero_copy_only=False)
        return frozenset(owners[at] for at in np.flatnonzero(~hits.astype(bool)).tolist())

    def _is(self, value: Any, verb: str = "is") -> str:
        return f"The column {self._column} {verb} {shown(value)}"

    def _shows(self, number: float, beside: float, verb: str) -> str:
        return f"The column {self._column} {verb} {show_number(number, beside=beside)}"

    def _tell_allowed(self, value: Any) -> str:
        values = self._allowed.values
        listed = ", ".join(shown(one) for one in values[:_LISTED])
        if len(values) > _LISTED:
            listed += f" and {len(values) - _LISTED} more"
        near = difflib.get_close_matches(plain_text(value), [plain_text(one) for one in values], n=1, cutoff=0.75)
        told = f' (nearly "{near[0]}")' if near and len(values) > 1 else ""
        return f"{'is' if len(values) == 1 else 'are'} {listed}{told}"

    def _number(self, value: Any, cause: str) -> float:
        """Return the number that is beyond a limit; NaN for every other cause."""
        if cause not in (_BELOW, _ABOVE):
            return np.nan
        limit = self._limit(cause)
        numbers = (find_number(item) for item in items_of(value))
        beyond = [
            number
            for number in numbers
            if number is not None and (number < limit if cause == _BELOW else number > limit)
        ]
        return beyond[0] if beyond else np.nan

    def _limit(self, cause: str) -> float:
        limit = {_BELOW: self.options.min, _ABOVE: self.options.max}.get(cause)
        return np.nan if limit is None else limit

    def _message(self, message: str, observed: float, limit: float) -> str:
        template = self._template
        # A sentence of the config that shows a number has none to show for a missing value.
        if template is None or (template.has_fields and np.isnan(observed)):
            return message
        return template.fill(self.metric, observed, limit)


_MEMO = 10_000  # texts whose verdict is remembered a table; our own choice: bounds memory at some megabytes
