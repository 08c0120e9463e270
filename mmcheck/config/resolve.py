"""The config that a scan uses: a preset or a file, with what was asked for on top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mmcheck.config import Config, load_config, override_config
from mmcheck.core.errors import ConfigError
from mmcheck.core.parts import PROBES

NO_PROBES = "none"
"""In the place of probes: none of them."""


def resolve_config(
    config: str | Path | Config | Mapping[str, object] | None = None,
    *,
    overrides: Sequence[str] = (),
    probes: str | Sequence[str] | None = None,
    device: str | None = None,
    format: str | None = None,
) -> Config:
    """Return the config that a scan would use.

    Args:
        config: A preset's name, a YAML file, a ready Config, a tree of keys that extends the preset ``default`` (or
            what its ``extends`` names), or None for that preset.
        overrides: ``section.key=value`` strings.
        probes: Run only these probes: names, or one string with commas. ``none``: measure nothing and look at nothing
            but the rows themselves, by rules on the manifest's own columns.
        device: ``auto``, ``cpu`` or ``cuda``.
        format: Force a manifest format.

    Raises:
        ConfigError: If anything of it is wrong.
    """
    extra = list(overrides)
    if device is not None:
        extra.append(f"run.device={device}")
    if format is not None:
        extra.append(f"input.format={format}")
    if isinstance(config, Config):
        resolved = override_config(config, extra) if extra else config
    else:
        resolved = load_config(config, extra)
    if probes is None:
        return resolved
    chosen = [name.strip() for name in probes.split(",")] if isinstance(probes, str) else list(probes)
    if chosen == [NO_PROBES]:
        return _without_parts(resolved)
    resolved = override_config(resolved, _switches(chosen, resolved))
    for name in chosen:
        lacks = getattr(getattr(resolved.probes, name), "lacks", None)
        if lacks:
            raise ConfigError(f"the probe {name!r} was asked for, but it needs probes.{name}.{lacks}.")
    return resolved


def _without_parts(config: Config) -> Config:
    """Return the config with all probes and analyses off.

    Raises:
        ConfigError: If nothing is left that could judge a row.
    """
    if not config.judged_columns:
        raise ConfigError(
            "`--probes none` measures nothing, and no rule looks at a column of the manifest: no row could be judged.",
            hint="add a rule such as --set rules.similarity.metric=column.similarity --set rules.similarity.min=0.28; "
            "or check files and texts without a model: --probes media,caption_text,transcript_text.",
        )
    off = [f"probes.{name}.enabled=false" for name in config.probes.enabled()]
    return override_config(config, [*off, *(f"analyses.{name}.enabled=false" for name in config.analyses.enabled())])


def _switches(chosen: Sequence[str], config: Config) -> list[str]:
    """Return the overrides that turn the chosen probes on and all others of a config off."""
    if NO_PROBES in chosen:
        raise ConfigError(f"`{NO_PROBES}` stands for no probe at all, so no other can be named beside it.")
    for name in chosen:
        PROBES.entry(name)
    others = [name for name in config.probes.names() if name not in chosen]
    # A probe that serves another (its null) comes and goes with it, unless the config has it off.
    off = [name for name in others if PROBES.get(name).traits.serves not in chosen]
    on = [f"probes.{name}.enabled=true" for name in chosen]
    return [*on, *(f"probes.{name}.enabled=false" for name in off)]
