"""Tables of parts by name, holding "module:Class" strings so that listing a part imports nothing heavy."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mmcheck.core.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One registered part."""

    name: str
    """What the user writes."""
    target: str
    """``module:Class``."""
    summary: str
    """One line for ``mmcheck list``."""
    extra: dict[str, Any]
    """What a table wants to know without importing the part (suffixes, needs, ...)."""


class Registry(Generic[T]):
    """Parts of one kind.

    Args:
        kind: Word for messages, e.g. ``probe``.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, Entry] = {}

    def register(self, name: str, target: str, summary: str, **extra: Any) -> None:
        """Add a part; ``target`` is imported on first use only.

        Raises:
            ValueError: If the name is taken or the target is not ``module:Class``.
        """
        if name in self._entries:
            raise ValueError(f"{self.kind} {name!r} is registered twice.")
        if target.count(":") != 1:
            raise ValueError(f"target of {self.kind} {name!r} must be 'module:Class', but is {target!r}.")
        self._entries[name] = Entry(name=name, target=target, summary=summary, extra=extra)

    def get(self, name: str) -> type[T]:
        """Return the class registered under ``name``, importing its module.

        Raises:
            ConfigError: If there is none; names the nearest.
        """
        module, _, attribute = self.entry(name).target.partition(":")
        part: type[T] = getattr(importlib.import_module(module), attribute)
        return part

    def entry(self, name: str) -> Entry:
        """Return the entry of ``name`` without importing the part.

        Raises:
            ConfigError: If there is none; names the nearest.
        """
        if name not in self._entries:
            near = difflib.get_close_matches(name, self._entries, n=1)
            raise ConfigError(
                f"unknown {self.kind} {name!r}; known are: {', '.join(sorted(self._entries))}.",
                hint=f"did you mean {near[0]!r}?" if near else "see `mmcheck list`.",
            )
        return self._entries[name]

    def __iter__(self) -> Iterator[Entry]:
        """Yield the entries in the order of registration."""
        return iter(self._entries.values())

    def __contains__(self, name: object) -> bool:
        """Return whether a part of that name is registered."""
        return name in self._entries

    def names(self) -> list[str]:
        """Return the names in the order of registration."""
        return list(self._entries)
