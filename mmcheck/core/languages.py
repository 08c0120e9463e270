"""Codes of languages as manifests and models write them."""

from __future__ import annotations


def primary_code(language: str | None) -> str:
    """Return the code of the language alone in lower case, ``de`` for ``de-AT`` or ``de_AT``; "" for none."""
    return (language or "").strip().lower().replace("_", "-").partition("-")[0]
