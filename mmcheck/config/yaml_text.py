"""YAML as a config means it: text fields are text, only true and false are booleans, no key stands twice."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import yaml

from mmcheck.config.fields import find_below, is_text

# libyaml's loader is the same safe loader, ten times faster; wheels of PyYAML have it.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BOOL, _NULL, _STR = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:null", "tag:yaml.org,2002:str"


class _Loader(_SafeLoader):  # type: ignore[misc]
    """Refuses a key that is given twice (the later one would silently win); ``no``, ``on`` and the like are words.

    YAML 1.2 gave those booleans up; fields that hold a boolean read the words all the same.
    """

    yaml_implicit_resolvers: ClassVar[dict[str, object]] = {
        first: [(tag, pattern) for tag, pattern in known if tag != _BOOL]
        for first, known in _SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> object:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str | int | float | bool):
                if key in seen:
                    line = key_node.start_mark.line + 1
                    raise yaml.YAMLError(f"the key {key!r} is given twice (line {line})")
                seen.add(key)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(_BOOL, re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))


def read_yaml(text: str, annotation: object) -> object:
    """Return the value of YAML text that fills a field (or a section, or the whole tree) of this type.

    Raises:
        yaml.YAMLError: If it is not YAML.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _keep_text(node, annotation)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _keep_text(node: yaml.Node, annotation: object) -> None:
    """Mark the plain words of text fields as text, whatever else YAML takes them for."""
    if isinstance(node, yaml.ScalarNode):
        if node.tag != _NULL and is_text(annotation):
            node.tag = _STR
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _keep_text(item, find_below(annotation, 0))
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = find_below(annotation, key.value) if isinstance(key, yaml.ScalarNode) else None
            if below is not None:
                _keep_text(value, below)
