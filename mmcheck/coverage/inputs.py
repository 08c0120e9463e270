"""What a coverage works on: which stored embeddings there are, whether two runs' go together, and what to do without.

Advice is given for the run at hand: where the probe has run already, running it again would change nothing.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from mmcheck.core.errors import ConfigError
from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.coverage.cover import VIEWS, View, find_probe
from mmcheck.store.run_folder import RunFolder, StoredShard

_MAX_NAMED = 3  # inputs that a message names; our own choice: a message stays readable


def shards_of(run: RunFolder) -> list[StoredShard]:
    """Return the run's shards as stored tables."""
    return [StoredShard(run, shard) for shard in run.shards()]


def choose_views(run: RunFolder, wanted: Sequence[str]) -> list[str]:
    """Return the views to cluster: the wanted ones, or image and audio as far as the run has them.

    Raises:
        ConfigError: If a wanted one does not exist or has no embeddings, or there are none at all.
    """
    shards = shards_of(run)
    stored = [name for name, view in VIEWS.items() if find_probe(shards, view) is not None]
    for name in wanted:
        if name not in VIEWS:
            raise ConfigError(f"there is no view {name!r}.", hint=f"give one of: {', '.join(VIEWS)}.")
        if name not in stored:
            raise ConfigError(f"{run.path} holds no {name} embeddings.", hint=tell_how(run, VIEWS[name]))
    if wanted:
        return list(dict.fromkeys(wanted))
    # A text is looked at by its medium unless asked for: two maps of one set are one too many to begin with.
    chosen: list[str] = [kind.name for kind in PAIR_KINDS if kind.name in stored]
    # Recordings can be counted by length and language without an embedding.
    chosen += [
        kind.name for kind in PAIR_KINDS if not kind.is_seen and kind.name not in chosen and _holds(run, kind.medium)
    ]
    if not chosen:
        raise ConfigError(f"{run.path} holds no embeddings to cluster.", hint=tell_how(run, VIEWS[PAIR_KINDS[0].name]))
    return chosen


def tell_how(run: RunFolder, view: View) -> str:
    """Return why a run has no embeddings of a view, and what gives it some."""
    probes = run.record.probes
    probe = view.probes[0]
    if not run.record.rows:
        return "the run holds no rows."
    if not _holds(run, view.column):
        return f"the rows of this run have no {view.many}."
    if probe not in probes:
        names = ",".join(dict.fromkeys(["media", *probes, probe]))
        inputs = " ".join(shlex.quote(entry.manifest) for entry in run.record.inputs[:_MAX_NAMED])
        more = " ..." if len(run.record.inputs) > _MAX_NAMED else ""
        place = shlex.quote(str(run.path))
        return f"scan with the probe `{probe}`: mmcheck scan {inputs}{more} --out {place} --probes {names}"
    if not view.kind.is_seen:
        if not run.config().probes.media.fingerprints:
            return "scan again with the config key probes.media.fingerprints: true."
        return "no recording could be read, or all are too short or too uniform to be told apart; see report.html."
    return f"the probe `{probe}` ran, but could read none of the {view.many}; report.html says why."


def _holds(run: RunFolder, column: str) -> bool:
    return any(table.null_count < len(table) for table in (s.samples([column])[column] for s in shards_of(run)))


def require_alike(run: RunFolder, reference: RunFolder, view: View) -> None:
    """Refuse a reference whose embeddings are of another kind.

    Raises:
        ConfigError: If one of the two lacks them, or they were made with different weights.
    """
    probes = [find_probe(shards_of(folder), view) for folder in (run, reference)]
    if probes[0] is None and not view.kind.is_seen:
        return
    if probes[0] is None or probes[1] is None:
        lacking = run if probes[0] is None else reference
        raise ConfigError(f"{lacking.path} holds no {view.name} embeddings to compare.", hint=tell_how(lacking, view))
    own, other = _weights(run, probes[0]), _weights(reference, probes[1])
    if probes[0] != probes[1] or own[0] != other[0]:
        raise ConfigError(
            f"{run.path} was measured with {own[1]} and the reference {reference.path} with {other[1]}: "
            "their embeddings cannot be compared.",
            hint="scan one of them again with the other's model."
            + (
                " Where vectors were given, --set input.embeddings.model=NAME says which model made them."
                if run.record.probes[probes[0]].is_given or reference.record.probes[probes[1]].is_given
                else ""
            ),
        )


def _weights(run: RunFolder, probe: str) -> tuple[str, str]:
    """Return what must be equal for embeddings to be comparable, and how to name it."""
    part = run.record.probes[probe]
    if part.is_given:
        return part.kind_of_vectors or part.fingerprint, part.model
    if not part.weights_sha256:
        return part.fingerprint, f"{probe} {part.fingerprint[:8]}"
    return part.weights_sha256, f"{part.model or probe} ({part.weights_sha256[:8]})"
