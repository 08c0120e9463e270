"""What the JSON Schema of a config says of parts: sections of installed packages, and keys of single kinds of rules."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from mmcheck.config.analyses import AnalysesConfig
from mmcheck.config.probes import ProbesConfig
from mmcheck.config.rules import RuleConfig
from mmcheck.core.parts import RULES


def add_parts(definitions: dict[str, Any]) -> None:
    """Add all that installed parts take, and allow nothing else.

    Args:
        definitions: ``$defs`` of the config's schema; changed in place.
    """
    for sections in (ProbesConfig, AnalysesConfig):
        node = definitions[sections.__name__]
        node["additionalProperties"] = False
        for name in sections.table.names():
            model = None if name in sections.model_fields else sections.model_of(name)
            if model is not None:
                node["properties"][name] = _schema(name, model, definitions)
    rule = definitions[RuleConfig.__name__]
    rule["additionalProperties"] = False
    unusable = {entry.name for entry in RULES.find_faults()}
    for name in RULES.names():
        if name not in unusable:
            rule["properties"] |= _schema(name, RULES.get(name).options_model, definitions).get("properties", {})


def _schema(name: str, model: type[BaseModel], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a part's section; what it refers to is defined under names of its own."""
    schema = model.model_json_schema(ref_template=f"#/$defs/{name}.{{model}}")
    definitions |= {f"{name}.{key}": value for key, value in schema.pop("$defs", {}).items()}
    return schema
