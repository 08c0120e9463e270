"""Tables of parts by name, holding "module:Class" strings so that listing a part imports nothing heavy.

A table holds mmcheck's own parts and those that installed packages offer under an entry point group. Packages are
looked at when a table is first used, never on import, so that ``--help`` does not wait for them.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic, TypeVar

from mmcheck.core.errors import ConfigError
from mmcheck.core.plugins import find_plugins
from mmcheck.core.types import Metric

T = TypeVar("T")
_REMEDY = "update that package, or uninstall it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One registered part."""

    name: str
    """What the user writes."""
    target: str
    """``module:Class``."""
    summary: str = ""
    """One line for ``mmcheck list``; empty for a part of an installed package, whose class says it."""
    package: str = ""
    """The installed package that it comes from, with its version; empty for mmcheck's own."""
    metrics: str = ""
    """``module:NAME`` of its metrics, where they can be had without importing the class."""
    fault: str = ""
    """Why it cannot be used; empty for one that can, or was not tried."""


class Registry(Generic[T]):
    """Parts of one kind.

    Args:
        kind: Word for messages, e.g. ``probe``.
        group: Entry point group under which installed packages offer such parts; none without it.
        protocol: ``module:Class`` of the protocol whose methods and class variables a part of a package must have.
    """

    def __init__(self, kind: str, group: str = "", protocol: str = "") -> None:
        self.kind = kind
        self.group = group
        self._protocol = protocol
        self._own: dict[str, Entry] = {}

    def register(self, name: str, target: str, summary: str, *, metrics: str = "") -> None:
        """Add a part of mmcheck's own; ``target`` is imported on first use only.

        Args:
            name: What the user writes.
            target: ``module:Class``.
            summary: One line for ``mmcheck list``.
            metrics: ``module:NAME`` of the class's metrics in a module that imports nothing heavy, so that they can be
                listed at once; without it they are asked of the class.

        Raises:
            ValueError: If the name is taken or the target is not ``module:Class``.
        """
        if name in self._own:
            raise ValueError(f"{self.kind} {name!r} is registered twice.")
        if target.count(":") != 1:
            raise ValueError(f"target of {self.kind} {name!r} must be 'module:Class', but is {target!r}.")
        self._own[name] = Entry(name=name, target=target, summary=summary, metrics=metrics)

    def get(self, name: str) -> type[T]:
        """Return the class registered under ``name``, importing its module.

        Raises:
            ConfigError: If there is none (names the nearest), or the package that offers it is broken (names it).
        """
        entry = self.entry(name)
        if entry.package:
            return self._load_plugin(entry)
        part: type[T] = _import(entry.target)
        return part

    def metrics(self, name: str) -> tuple[Metric, ...]:
        """Return what a probe or an analysis measures, importing its class only where nothing else tells.

        Raises:
            ConfigError: If there is no such part, or the package that offers it is broken.
        """
        entry = self.entry(name)
        part: Any = _import(entry.metrics) if entry.metrics else self.get(name)
        return tuple(part if entry.metrics else part.metrics)

    def entry(self, name: str) -> Entry:
        """Return the entry of ``name`` without importing the part.

        Raises:
            ConfigError: If there is none (names the nearest), or two packages claim the name (names them).
        """
        if name in self._own:
            # A package that offers a part of the same name changes nothing; `mmcheck list` names it.
            return self._own[name]
        for broken in self.broken:
            if broken.name == name:
                raise ConfigError(_sentence(self.kind, broken, broken.fault), hint=_REMEDY)
        if name not in self._all:
            near = difflib.get_close_matches(name, self._all, n=1)
            raise ConfigError(
                f"unknown {self.kind} {name!r}; known are: {', '.join(sorted(self._all))}.",
                hint=f"did you mean {near[0]!r}?" if near else "see `mmcheck list`.",
            )
        return self._all[name]

    def summarise(self, entry: Entry) -> str:
        """Return one line on a part: its own, or the first of the class's docstring.

        Raises:
            ConfigError: If the package that offers it is broken.
        """
        return entry.summary or (self.get(entry.name).__doc__ or "").strip().partition("\n")[0].rstrip(".")

    def find_faults(self) -> list[Entry]:
        """Return what installed packages offer but cannot be used, each with its ``fault``. Never raises."""
        faults = list(self.broken)
        for entry in self._plugins[0].values():
            try:
                self._load_plugin(entry)
            except ConfigError as error:
                faults.append(replace(entry, fault=error.message.partition(" cannot be used: ")[2].rstrip(".")))
        return faults

    @property
    def broken(self) -> list[Entry]:
        """Return what installed packages offer under a name that is taken, each with its ``fault``."""
        return self._plugins[1]

    def __iter__(self) -> Iterator[Entry]:
        """Yield mmcheck's own entries in the order of registration, then those of packages by name."""
        return iter(self._all.values())

    def __contains__(self, name: object) -> bool:
        """Return whether a part of that name is registered."""
        return name in self._own or name in self._all

    def names(self) -> list[str]:
        """Return the names in the order of the entries."""
        return list(self._all)

    @property
    def _all(self) -> dict[str, Entry]:
        return {**self._own, **self._plugins[0]}

    @cached_property
    def _plugins(self) -> tuple[dict[str, Entry], list[Entry]]:
        """Return the usable parts of installed packages, and those whose name is taken."""
        found: dict[str, Entry] = {}
        broken: list[Entry] = []
        for plugin in find_plugins(self.group) if self.group else ():
            entry = Entry(name=plugin.name, target=plugin.target, package=plugin.package)
            if entry.name in self._own:
                broken.append(replace(entry, fault="mmcheck has one of that name itself"))
            elif entry.name in found:
                broken.append(replace(entry, fault=f"{found[entry.name].package} has one of that name too"))
            else:
                found[entry.name] = entry
        return found, broken

    def _load_plugin(self, entry: Entry) -> type[T]:
        try:
            part = _import(entry.target)
        except (Exception, SystemExit) as error:
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise ConfigError(_sentence(self.kind, entry, reason), hint=_REMEDY) from error
        if fault := self._find_fault(entry, part):
            raise ConfigError(_sentence(self.kind, entry, fault), hint=_REMEDY)
        found: type[T] = part
        return found

    def _find_fault(self, entry: Entry, part: object) -> str:
        if not isinstance(part, type):
            return f"{entry.target} is not a class"
        wanted = _import(self._protocol) if self._protocol else object
        methods = [name for name, value in vars(wanted).items() if not name.startswith("_") and callable(value)]
        fields = [name for name, kind in inspect.get_annotations(wanted).items() if "ClassVar" in str(kind)]
        missing = [name for name in methods if not callable(getattr(part, name, None))]
        missing += [name for name in fields if not hasattr(part, name)]
        if missing:
            return f"{part.__name__} has no {' and no '.join(f'`{name}`' for name in missing)}"
        name = getattr(part, "name", entry.name)
        if isinstance(name, str) and name != entry.name:
            return f"{part.__name__} calls itself {name!r}"
        return _find_metric_fault(entry.name, getattr(part, "metrics", ())) if "metrics" in fields else ""


def _find_metric_fault(name: str, metrics: Any) -> str:
    if not isinstance(metrics, tuple | list) or not all(isinstance(metric, Metric) for metric in metrics):
        return "its `metrics` are not a tuple of Metric"
    for metric in metrics:
        short = metric.name.removeprefix(f"{name}.")
        if short == metric.name or not short:
            return f"its metric {metric.name!r} lacks the prefix: call it '{name}.{metric.name.rpartition('.')[2]}'"
    return ""


def _import(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _sentence(kind: str, entry: Entry, reason: str) -> str:
    return f"the {kind} {entry.name!r} of the package {entry.package} cannot be used: {reason.rstrip('.')}."
