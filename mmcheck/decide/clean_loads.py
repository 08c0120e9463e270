"""How ``clean/`` loads where it does not load as it is: the manifest of a folder or of tars without their media."""

from __future__ import annotations

import shlex

from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.store.run_record import RunRecord

_SAME = ("imagefolder", "audiofolder", "webdataset")
"""Formats of inputs whose clean manifest needs its media beside it, and the export formats that write both."""
_PLAIN = "folder"


def tell_loading(record: RunRecord, folder: str, *, write_media: bool) -> list[str]:
    """Return the command that makes a loadable dataset of the rows to keep, a line for each format that needs one.

    Args:
        record: The run's record.
        folder: The run folder.
        write_media: Whether the media were written with the manifests, which then load as they are.
    """
    if write_media:
        return []
    targets: dict[str, None] = {}
    for entry in record.inputs:
        if entry.format in _SAME:
            targets.setdefault(entry.format)
        elif entry.format == _PLAIN:
            # The export formats are called as Hugging Face's builders are: imagefolder, audiofolder.
            targets.update((f"{kind.name}folder", None) for kind in PAIR_KINDS if record.holds(kind.medium))
    run = folder.rstrip("/")
    return [
        f"clean/ lists rows and brings no media along; as {name} that loads:\n"
        f"  mmcheck export {shlex.quote(run)} --format {name} --out {shlex.quote(f'{run}-{name}')}"
        for name in targets
    ]
