"""The sentences of findings: the user's own template, or a plain default.

A template may use ``{observed}``, ``{limit}`` and ``{metric}``, the numbers with a format (``{observed:.2f}``). It is
taken apart and tried when the config is read, so that a fault is told then and not in the middle of a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import Formatter

from mmcheck.core.errors import ConfigError

FIELDS = ("observed", "limit", "metric")


class MessageTemplate:
    """A template that was found to be sound.

    Args:
        text: The template.
        where: Config path for the error.
        fields: Names that may stand in braces.

    Raises:
        ConfigError: If the braces do not match, name something else, or hold a format that a number cannot have.
    """

    def __init__(self, text: str, where: str, fields: Sequence[str] = FIELDS) -> None:
        self.text = text
        hint = (
            f"a message may use {', '.join('{' + name + '}' for name in fields)}; write {{{{ and }}}} for braces."
            if fields
            else "this kind of rule has no numbers to show; write {{ and }} for braces."
        )
        try:
            self._parts = [
                (literal, name, spec or "", conversion) for literal, name, spec, conversion in Formatter().parse(text)
            ]
        except ValueError as error:
            raise ConfigError(f"{where}: the message {text!r} is not a template: {error}.", hint=hint) from error
        for _, name, _, conversion in self._parts:
            if name is not None and (name not in fields or conversion is not None):
                shown = "{" + name + (f"!{conversion}" if conversion else "") + "}"
                raise ConfigError(f"{where}: the message {text!r} uses the unknown field {shown}.", hint=hint)
        try:
            self.fill("probe.metric", 0.5, 1.0)
        except (ValueError, TypeError) as error:
            raise ConfigError(f"{where}: the message {text!r} has a wrong format: {error}.", hint=hint) from error

    @property
    def has_fields(self) -> bool:
        """Return whether numbers stand in it."""
        return any(name is not None for _, name, _, _ in self._parts)

    def fill(self, metric: str, observed: float, limit: float) -> str:
        """Return the sentence for one finding."""
        pieces = []
        for literal, name, spec, _ in self._parts:
            pieces.append(literal)
            if name == "metric":
                pieces.append(format(metric, spec))
            elif name == "observed":
                pieces.append(format(observed, spec) if spec else show_number(observed, beside=limit))
            elif name == "limit":
                pieces.append(format(limit, spec) if spec else show_number(limit))
        return "".join(pieces)


def fixed_message(rule: str, text: str | None) -> str | None:
    """Return the message of a rule that has no numbers to fill in, or None if the config gives none.

    Args:
        rule: Name of the rule.
        text: What its section says.

    Raises:
        ConfigError: If the message uses a field all the same.
    """
    return None if text is None else MessageTemplate(text, f"rules.{rule}.message", fields=()).fill("", 0.0, 0.0)


def show_number(value: float, beside: float | None = None) -> str:
    """Return a number as people write it: whole numbers whole, others with four digits that count.

    Args:
        value: The number.
        beside: Another number that it is compared with; digits are added until the two look different.
    """
    if abs(value) < 1e15 and value == int(value):
        return str(int(value))
    text = f"{value:.1f}" if 1e3 <= abs(value) < 1e15 else f"{value:.4g}"
    if beside is not None and value != beside and float(text) == float(show_number(beside)):
        return repr(value)
    return text
