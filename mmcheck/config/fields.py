"""What type stands at a path of the tree, so that YAML and ``--set`` read a text field as text.

YAML would make false of ``language: no`` and a number of ``caption: 1``; a text field takes what was written.
"""

from __future__ import annotations

import types
from typing import Annotated, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from mmcheck.config.part_sections import PartSections


def find_below(annotation: object, key: object) -> object:
    """Return the type of what stands under ``key`` (a list: any of its items); None if that is not known."""
    for kind in _choices(annotation):
        origin = get_origin(kind)
        if isinstance(kind, type) and issubclass(kind, PartSections):
            return kind.model_of(str(key))
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = kind.model_fields.get(str(key))
            return None if field is None else field.annotation
        if origin is dict:
            return get_args(kind)[1]
        if origin in (tuple, list):
            return get_args(kind)[0]
    return None


def is_text(annotation: object) -> bool:
    """Return whether a field holds text (or null): ``str``, ``str | None``, a choice of words."""
    kinds = _choices(annotation)
    return bool(kinds) and all(
        kind is str or (get_origin(kind) is Literal and all(isinstance(word, str) for word in get_args(kind)))
        for kind in kinds
    )


def is_section(annotation: object) -> bool:
    """Return whether a mapping of names stands here: a section, a rule, the rules."""
    return any(
        get_origin(kind) is dict or (isinstance(kind, type) and issubclass(kind, BaseModel))
        for kind in _choices(annotation)
    )


def allows_null(annotation: object) -> bool:
    """Return whether null is one of a field's values."""
    if get_origin(annotation) is Annotated:
        return allows_null(get_args(annotation)[0])
    return get_origin(annotation) in (Union, types.UnionType) and type(None) in get_args(annotation)


def _choices(annotation: object) -> list[object]:
    """Return what a type may be, null left out."""
    if annotation is None:
        return []
    origin = get_origin(annotation)
    if origin is Annotated:
        return _choices(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [kind for part in get_args(annotation) if part is not type(None) for kind in _choices(part)]
    return [annotation]
