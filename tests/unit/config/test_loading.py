from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.config import PRESETS, ConditionConfig, Config, RuleConfig, bundled_dir, load_config, parse_config
from mmcheck.core.errors import EXIT_USER, ConfigError


def write(tmp_path, text):
    path = tmp_path / "own.yaml"
    path.write_text(text, "utf-8")
    return path


def faults(tree):
    with pytest.raises(ConfigError) as caught:
        parse_config(tree, "own.yaml")
    return caught.value.message.splitlines()[1:]


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_load_and_survive_a_round_trip(preset, tmp_path):
    config = load_config(preset)
    assert config.rules
    assert load_config(write(tmp_path, config.to_yaml())) == config


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_commented_line_by_line(preset):
    text = (bundled_dir("configs") / f"{preset}.yaml").read_text("utf-8")
    bare = []
    commented_block = 0
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip())
        if line.lstrip().startswith("#"):
            commented_block = indent
        elif line.strip() and "#" not in line and indent <= commented_block and not line.strip().endswith(":"):
            bare.append(line)
    assert bare == []


def test_the_preset_default_says_everything():
    """Every key of every section stands in the file, so that reading it shows what can be chosen."""
    tree = yaml.safe_load((bundled_dir("configs") / "default.yaml").read_text("utf-8"))

    def missing(written, section, path):
        for name, field in section.model_fields.items():
            if name not in written:
                yield f"{path}{name}"
            elif hasattr(field.annotation, "model_fields"):
                yield from missing(written[name], field.annotation, f"{path}{name}.")

    assert list(missing(tree, Config, "")) == []


def test_default_is_the_preset_default():
    assert load_config() == load_config("default")


def test_an_empty_file_is_the_preset_default(tmp_path):
    assert load_config(write(tmp_path, "")) == load_config("default")
    assert load_config(write(tmp_path, "extends: none")) == Config()


def test_unknown_keys_come_with_the_nearest_name():
    assert faults({"probes": {"image_text": {"modle": "x"}}}) == [
        "  probes.image_text.modle: unknown key; did you mean 'model'?"
    ]
    (line,) = faults({"rules": {"low": {"metric": "a.b", "min": 1, "actoin": "flag"}}})
    assert line == "  rules.low.actoin: unknown key; did you mean 'action'?"
    (line,) = faults({"rules": {"low": {"metric": "a.b", "min": 1, "when": [{"metric": "a.c", "mim": 1}]}}})
    assert line == "  rules.low.when.0.mim: unknown key; did you mean 'min'?"
    (line,) = faults({"zzzzz": 1})
    assert "known are: extends, input, run, probes" in line


def test_all_faults_at_once():
    tree = {
        "run": {"shard_size": 0, "sed": 3},
        "probes": {"transcript": {"transcribe": "sometimes", "beam_size": "many"}},
        "rules": {
            "both": {"metric": "a.b", "min": 2, "max": 1},
            "none": {"metric": "a.b"},
            "lost": {"min": 0.5},
            "mixed": {"rule": "empty_text", "min": 0.5},
            "keep": {"metric": "a.b", "min": 1, "action": "keep"},
        },
    }
    lines = "\n".join(faults(tree))
    for part in (
        "run.shard_size",
        "run.sed: unknown key; did you mean 'seed'?",
        "probes.transcript.transcribe",
        "probes.transcript.beam_size",
        "rules.both: `min` (2.0) is above `max` (1.0)",
        "rules.none: a threshold rule needs `min`, `max` or both",
        "rules.lost: a threshold rule needs `metric",
        "rules.mixed: `metric`, `min` and `max` belong to rule: threshold",
        "rules.keep.action",
    ):
        assert part in lines
    with pytest.raises(ConfigError, match=r"own\.yaml has 9 faults") as caught:
        parse_config(tree, "own.yaml")
    assert caught.value.exit_code == EXIT_USER
    assert caught.value.hint


@pytest.mark.parametrize("limit", [".nan", ".inf", "-.inf"])
def test_limits_are_finite(tmp_path, limit):
    with pytest.raises(ConfigError, match="finite"):
        load_config(write(tmp_path, f"rules: {{low: {{metric: a.b, min: {limit}}}}}"))


def test_set_overrides_what_the_file_says(tmp_path):
    path = write(tmp_path, "extends: none\nrun: {seed: 3}\nrules: {low: {metric: a.b, min: 1}}\n")
    config = load_config(path, ["run.seed=7", "rules.low.min=2.5", "rules.low.action=flag", "input.language=null"])
    assert config.run.seed == 7
    assert config.rules["low"].min == 2.5
    assert config.rules["low"].action == "flag"
    assert config.input.language is None


def test_set_can_add_sections_and_lists(tmp_path):
    config = load_config(
        write(tmp_path, "extends: none"),
        ["rules.wer.metric=transcript.wer", "rules.wer.max=0.1", "rules.wer.languages=[en]"],
    )
    assert config.rules == {"wer": RuleConfig(metric="transcript.wer", max=0.1, languages=("en",))}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("run.seed", "needs section.key=value"),
        ("=3", "needs section.key=value"),
        ("run..seed=3", "needs section.key=value"),
        ("run.seed=[", "not valid YAML"),
        ("run.seed.deep=3", "is a value, not a section"),
        ("run.sed=3", "did you mean 'seed'"),
    ],
)
def test_wrong_overrides_are_told(tmp_path, override, message):
    with pytest.raises(ConfigError, match=message):
        load_config(write(tmp_path, "run: {seed: 1}"), [override])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n- b\n", "must hold a mapping"),
        ("run: [", "not valid YAML"),
        ("\x00", "not valid YAML"),
        ("run: 3\n", "run"),
    ],
)
def test_files_that_are_no_config(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        load_config(write(tmp_path, text))


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot be read.*(\n|.)*'quality'"):
        load_config("qualty")
    with pytest.raises(ConfigError, match="No such file"):
        load_config(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="directory"):
        load_config(tmp_path)
    (tmp_path / "latin.yaml").write_bytes("# caf\u00e9".encode("latin-1"))
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(tmp_path / "latin.yaml")


def test_a_byte_order_mark_is_fine(tmp_path):
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbfrun: {seed: 5}\n")
    assert load_config(tmp_path / "bom.yaml").run.seed == 5


def test_the_policy_digest_depends_on_the_rules_alone():
    rules = {"low": RuleConfig(metric="a.b", min=1)}
    base = Config(rules=rules)
    assert base.policy_digest() == Config(rules=rules, run={"seed": 9}).policy_digest()
    assert base.policy_digest() != Config(rules={"low": RuleConfig(metric="a.b", min=2)}).policy_digest()


limits = st.none() | st.floats(-1e6, 1e6)
names = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True)
conditions = st.builds(lambda m, v: ConditionConfig(metric=f"p.{m}", min=v), names, limits)
rules = st.builds(
    lambda metric, low, width, when, action, message: RuleConfig(
        metric=f"probe.{metric}", min=low, max=low + width, when=when, action=action, message=message
    ),
    names,
    st.floats(-1e6, 1e6),
    st.floats(0, 1e6),
    st.lists(conditions, max_size=2).map(tuple),
    st.sampled_from(["flag", "quarantine", "unchecked"]),
    st.none() | st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20),
)


@settings(deadline=None)
@given(st.dictionaries(names, rules, max_size=4))
def test_any_policy_survives_yaml(policy):
    config = Config(rules=policy)
    again = parse_config(yaml.safe_load(config.to_yaml()))
    assert again == config
    assert again.policy_digest() == config.policy_digest()
