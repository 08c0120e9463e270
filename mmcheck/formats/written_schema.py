"""Schemas of tables on the way out: with the new columns, also in the list of features that ``datasets`` reads.

``datasets`` refuses a file whose columns are not those that its features list.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

import pyarrow as pa

from mmcheck.core.json_types import JsonObject

_FEATURES = b"huggingface"


def written_schema(schema: pa.Schema, added: Mapping[str, pa.DataType], shortened: Collection[str]) -> pa.Schema:
    """Return the schema of what is written.

    Args:
        schema: That of the source.
        added: New columns -> their types; one takes the place of a column of its name.
        shortened: Columns of lists that lose items; they have no fixed length any more.
    """
    fields = []
    for each in schema:
        kind = added.get(each.name, each.type)
        if each.name in shortened and pa.types.is_fixed_size_list(kind):
            kind = pa.list_(kind.value_field)
        fields.append(each.with_type(kind))
    fields += [pa.field(name, kind) for name, kind in added.items() if name not in schema.names]
    metadata = dict(schema.metadata or {})
    if _FEATURES in metadata:
        stored = _with_features(metadata.pop(_FEATURES), added, shortened)
        metadata |= {_FEATURES: stored} if stored is not None else {}
    return pa.schema(fields, metadata=metadata or None)


def written_features(features: JsonObject, added: Mapping[str, pa.DataType], shortened: Collection[str]) -> JsonObject:
    """Return the features of ``datasets`` of what is written.

    Args:
        features: Those of the source.
        added: New columns -> their types.
        shortened: Columns of lists that lose items.
    """
    changed = dict(features)
    for name in shortened:
        found = changed.get(name)
        if isinstance(found, dict) and "length" in found:
            changed[name] = {**found, "length": -1}
    return {**changed, **{name: _feature(kind) for name, kind in added.items()}}


def _with_features(stored: bytes, added: Mapping[str, pa.DataType], shortened: Collection[str]) -> bytes | None:
    """Return what ``datasets`` stores in a schema, changed; None if it cannot be read."""
    try:
        told = json.loads(stored)
        features = told["info"]["features"]
        told["info"]["features"] = written_features(features, added, shortened)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return stored if told["info"]["features"] == features else json.dumps(told).encode()


def _feature(kind: pa.DataType) -> JsonObject:
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "Sequence"}
    dtype = {pa.float64(): "float64", pa.float32(): "float32"}.get(kind, str(kind))
    return {"dtype": dtype, "_type": "Value"}
