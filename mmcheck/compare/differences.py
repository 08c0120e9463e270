"""How two runs were made otherwise: rules, models, versions, rows asked for. Said before anything that they lead to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mmcheck.compare.summary import Differences, ModelDifference, Setting
from mmcheck.config.differences import compare_configs
from mmcheck.core.parts import ANALYSES
from mmcheck.core.sentences import count_noun
from mmcheck.store.run_folder import RunFolder
from mmcheck.store.run_record import MeasuredRecord, ProbeRecord

_SHOWN = 6  # names that a sentence lists; our own choice: it stays readable
_NOT_OF_VERDICTS = ("report.", "output.", "gate.", "run.")
"""Sections that change no value and no verdict."""


def find_differences(before: RunFolder, after: RunFolder) -> Differences:
    """Return how two runs were made otherwise.

    Args:
        before: The earlier run.
        after: The later one.

    Raises:
        RunError: If a config or record is damaged.
    """
    changed = compare_configs(before.config(), after.config())
    settings = [
        Setting(key=key, before=old, after=new)
        for key, (old, new) in changed.items()
        if not key.startswith(_NOT_OF_VERDICTS)
    ]
    old, new = before.record, after.record
    models = list(_models(old.probes, new.probes))
    apart = _apart(before, after)
    packages = {"mmcheck": old.mmcheck_version, **old.versions}, {"mmcheck": new.mmcheck_version, **new.versions}
    versions = [
        Setting(key=name, before=packages[0].get(name), after=packages[1].get(name))
        for name in dict.fromkeys([*packages[0], *packages[1]])
        if packages[0].get(name) != packages[1].get(name)
    ]
    sentences = list(_sentences(before, after, settings, models, apart, versions))
    return Differences(
        settings=tuple(settings),
        models=tuple(models),
        not_comparable=tuple(apart),
        versions=tuple(versions),
        sentences=tuple(sentences),
    )


def are_alike(first: MeasuredRecord | None, second: MeasuredRecord | None) -> bool:
    """Return whether values of two probes or analyses mean the same.

    Device and precision change a fingerprint, but not what a model's numbers mean.
    """
    if first is None or second is None:
        return False
    if first.fingerprint == second.fingerprint:
        return True
    if not isinstance(first, ProbeRecord) or not isinstance(second, ProbeRecord):
        return False
    own, other = ((one.kind_of_vectors, one.model, one.about.get("backend")) for one in (first, second))
    return bool(own[0]) and own == other


def _apart(before: RunFolder, after: RunFolder) -> list[str]:
    """Return the probes and analyses of both runs whose values cannot be compared."""
    old, new = before.record, after.record
    probes = [name for name in old.probes if name in new.probes and not are_alike(old.probes[name], new.probes[name])]
    unlike = {*probes, *(name for name in {*old.probes, *new.probes} if (name in old.probes) != (name in new.probes))}
    analyses = []
    for name in old.analyses:
        if name not in new.analyses:
            continue
        reads = ANALYSES.get(name).traits.reads if name in ANALYSES else ()
        if not are_alike(old.analyses[name], new.analyses[name]) or unlike.intersection(reads):
            analyses.append(name)
    return [*probes, *analyses]


def _models(before: Mapping[str, ProbeRecord], after: Mapping[str, ProbeRecord]) -> Iterable[ModelDifference]:
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if not are_alike(old, new):
            yield ModelDifference(probe=name, before=_told(old), after=_told(new))


def _told(part: ProbeRecord | None) -> str:
    if part is None:
        return ""
    if part.model:
        return f"{part.model} ({part.weights_sha256[:8]})" if part.weights_sha256 else part.model
    return "given values" if part.is_given else f"options {part.fingerprint[:8]}"


def _sentences(
    before: RunFolder,
    after: RunFolder,
    settings: list[Setting],
    models: list[ModelDifference],
    apart: list[str],
    versions: list[Setting],
) -> Iterable[str]:
    for model in models:
        if not model.before or not model.after:
            run, made = ("A", model.before) if model.before else ("B", model.after)
            yield f"Only {run} was measured by the probe {model.probe} ({made})."
        else:
            yield (
                f"The probe {model.probe} is another one: {model.before} in A, {model.after} in B. Its scores cannot "
                "be compared, and their distributions are not."
            )
    others = [name for name in apart if name not in {model.probe for model in models}]
    if others:
        yield f"Not compared either, since they rest on it or have other options: {', '.join(others)}."
    rules = [one for one in settings if one.key.startswith("rules.")]
    rest = [one for one in settings if not one.key.startswith("rules.")]
    if rules:
        names = list(dict.fromkeys(one.key.split(".")[1] for one in rules))
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        yield f"{count_noun(len(names), 'rule differs', 'rules differ')}: {', '.join(names[:_SHOWN])}{more}."
    if rest:
        keys = ", ".join(f"{one.key} ({one.before} to {one.after})" for one in rest[:_SHOWN])
        more = f" and {len(rest) - _SHOWN} more" if len(rest) > _SHOWN else ""
        yield f"Other settings differ: {keys}{more}."
    for name, limit in (("A", before.record.limit), ("B", after.record.limit)):
        if limit is not None:
            yield f"{name} was scanned with --limit {limit}."
    own = next((one for one in versions if one.key == "mmcheck"), None)
    if own is not None:
        yield f"A was made by mmcheck {own.before}, B by mmcheck {own.after}."
