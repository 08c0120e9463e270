from __future__ import annotations

import pytest

from mmcheck.core.errors import ConfigError
from mmcheck.core.parts import ANALYSES, ENGINES, FORMATS, PROBES, RULES
from mmcheck.core.registry import Registry


def test_get_imports_the_class_on_first_use() -> None:
    table: Registry[object] = Registry("thing")
    table.register("path", "pathlib:PurePath", "a path")
    assert table.get("path").__name__ == "PurePath"
    assert "path" in table
    assert table.names() == ["path"]


def test_unknown_name_says_the_nearest_and_all_known() -> None:
    with pytest.raises(ConfigError) as caught:
        PROBES.get("image_txet")
    assert "image_text" in str(caught.value.hint)
    assert "transcript" in caught.value.message


def test_a_name_is_registered_once_and_targets_have_a_form() -> None:
    table: Registry[object] = Registry("thing")
    table.register("a", "x:Y", "")
    with pytest.raises(ValueError, match="twice"):
        table.register("a", "x:Z", "")
    with pytest.raises(ValueError, match="module:Class"):
        table.register("b", "x.Y", "")


@pytest.mark.parametrize("table", [PROBES, ANALYSES, RULES, FORMATS, ENGINES], ids=lambda table: table.kind)
def test_every_registered_part_can_be_imported_and_has_a_summary(table: Registry[object]) -> None:
    for entry in table:
        assert isinstance(table.get(entry.name), type)
        assert len(entry.summary) > 10
