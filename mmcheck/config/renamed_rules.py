"""Rules that have another name now: a config that says the old one still means the same.

Since image pairs and audio pairs are judged each for itself, a rule on pairs of any kind has become two.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

_OLD_METRIC = "alignment.posterior"
_HEIRS = {
    "random_pairing": {
        "mismatched_caption": "alignment.image_posterior",
        "mismatched_transcript": "alignment.audio_posterior",
    },
    "doubtful_pairing": {
        "doubtful_caption": "alignment.image_posterior",
        "doubtful_transcript": "alignment.audio_posterior",
    },
}


def rename_rules(tree: Mapping[str, object], rules_below: Collection[str]) -> dict[str, object]:
    """Return a layer with its old rules under their new names, where those stand in what it lies over.

    What the layer says under a new name itself stands above what it says under the old one.
    """
    rules = tree.get("rules")
    if not isinstance(rules, Mapping) or not rules.keys() & _HEIRS.keys():
        return dict(tree)
    renamed: dict[str, object] = {}
    for name, options in rules.items():
        heirs = _HEIRS.get(name, {})
        if name in rules_below or not isinstance(options, Mapping) or not heirs.keys() <= set(rules_below):
            heirs = {}
        for heir, metric in heirs.items():
            renamed[heir] = _with_metric(options, metric)
        if not heirs:
            named = renamed.get(name)
            if isinstance(named, Mapping) and isinstance(options, Mapping):
                options = {**named, **options}
            renamed[name] = options
    return {**tree, "rules": renamed}


def _with_metric(value: object, metric: str) -> object:
    """Return options that look at one kind of pair, conditions included."""
    if isinstance(value, Mapping):
        return {key: _with_metric(item, metric) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_metric(item, metric) for item in value]
    return metric if value == _OLD_METRIC else value
