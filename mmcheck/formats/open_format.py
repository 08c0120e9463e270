"""Opening a manifest format by its registered name."""

from __future__ import annotations

from typing import cast

from mmcheck.config import Config, InputConfig
from mmcheck.formats.base import FORMATS, Format
from mmcheck.formats.package_format import PackageFormat


def open_format(name: str, config: Config, *, base: str | None = None) -> Format:
    """Return a format by name.

    Args:
        name: Its name.
        config: The config.
        base: Folder that relative paths start from where the manifest's own does not tell (standard input).
    """
    return make_format(name, config.input.based_at(base))


def make_format(name: str, options: InputConfig) -> Format:
    """Return a format by name, made with its input options.

    Raises:
        ConfigError: If there is none of that name, or the package that offers it is broken.
    """
    form = FORMATS.get(name)
    entry = FORMATS.entry(name)
    return cast("Format", PackageFormat(entry, form, options)) if entry.package else form(options)
