"""What installed packages offer to mmcheck: entry points, read from their metadata without importing them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """One part that a package offers."""

    name: str
    """Name of the part."""
    target: str
    """``module:Class``."""
    package: str
    """Name and version of the package."""


def find_plugins(group: str) -> list[Plugin]:
    """Return what packages offer under an entry point group, sorted by name and package."""
    import importlib.metadata  # takes a while, and `--help` needs no parts

    found = []
    for point in importlib.metadata.entry_points(group=group):
        package = f"{point.dist.name} {point.dist.version}" if point.dist is not None else "(unknown package)"
        found.append(Plugin(name=point.name, target=point.value.partition("[")[0].strip(), package=package))
    return sorted(found, key=lambda plugin: (plugin.name, plugin.package))
