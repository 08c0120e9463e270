"""What a process measures with: the probes, and what earlier runs have measured."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from mmcheck.probe.base import Probe
from mmcheck.scanning.reuse import Reuse


class Equipment:
    """The probes of this process, each opened when it is needed.

    Args:
        probes: By name, made as the run settled them.
        opened: Names of those that are open already.
        reuse: Gives measurements of earlier runs; None: everything is measured.
    """

    def __init__(
        self, probes: Mapping[str, Probe[Any]], *, opened: Collection[str] = (), reuse: Reuse | None = None
    ) -> None:
        self.probes = probes
        self.reuse = reuse
        self._opened = set(opened)

    def open(self, names: Iterable[str]) -> None:
        """Open the probes that are not open.

        Raises:
            WeightsError: If weights cannot be loaded.
            MissingDependency: If a package is not installed.
        """
        for name in names:
            if name not in self._opened:
                self.probes[name].open()
                self._opened.add(name)
