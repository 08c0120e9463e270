"""Lists of verdicts, as options name them: ``--only keep,flag``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmcheck.core.types import Action


def parse_verdicts(text: str) -> list[Action]:
    """Return the verdicts of a list separated by commas.

    Raises:
        ConfigError: If one is no verdict (names the nearest), or there is none.
    """
    import difflib

    from mmcheck.core.errors import ConfigError
    from mmcheck.core.types import Action

    known = [action.value for action in Action]
    found = []
    for name in (part.strip() for part in text.split(",") if part.strip()):
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"verdicts are: {', '.join(known)}."
            raise ConfigError(f"--only {name}: this is no verdict.", hint=hint)
        found.append(Action(name))
    if not found:
        raise ConfigError("--only names no verdict.", hint=f"verdicts are: {', '.join(known)}.")
    return found
