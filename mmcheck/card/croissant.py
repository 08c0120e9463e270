"""Croissant 1.1 metadata of a cleaned set, with its provenance in the terms of PROV-O."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmcheck.card.data_files import Column, DataFile
from mmcheck.card.facts import FilterFacts
from mmcheck.core.pair_kinds import KIND_OF

CONTEXT: dict[str, object] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "prov": "http://www.w3.org/ns/prov#",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context of Croissant 1.1, and PROV-O. Given by the specification."""
CONFORMS_TO = "http://mlcommons.org/croissant/1.1"
_TYPES = {"text": "sc:Text", "integer": "sc:Integer", "float": "sc:Float", "boolean": "sc:Boolean"}
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What only the publisher of a set knows; None: it was not given, and is not made up."""

    name: str
    description: str | None = None
    license: str | None = None
    """SPDX id or URL."""
    url: str | None = None
    creator: str | None = None
    published: str | None = None
    """Date, as ``2026-11-27``."""
    version: str | None = None


def make_croissant(
    facts: FilterFacts, files: Sequence[DataFile], publication: Publication, out: Path
) -> dict[str, object]:
    """Return the metadata as JSON-LD.

    Args:
        facts: How the set was filtered.
        files: Its files.
        publication: What the publisher says.
        out: The folder that it is written to; files below it are named relative to it.
    """
    tables = [file for file in files if file.columns]
    found: dict[str, object] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": _UNSAFE.sub("-", publication.name).strip("-") or "dataset",
        "description": publication.description or describe(facts),
        "distribution": [_file(file, out) for file in files],
        "recordSet": [_record_set(file) for file in tables],
        **_provenance(facts),
    }
    if publication.license:
        found["license"] = license_url(publication.license)
    if publication.url:
        found["url"] = publication.url
    if publication.creator:
        found["creator"] = {"@type": "sc:Organization", "name": publication.creator}
    if publication.published:
        found["datePublished"] = publication.published
    if publication.version:
        found["version"] = publication.version
    if facts.languages:
        found["inLanguage"] = list(facts.languages)
    return found


def describe(facts: FilterFacts) -> str:
    """Return in two sentences what the set is."""
    pairs = " and ".join(KIND_OF[name].pairs for name in facts.kinds)
    counts = "; ".join(f"{count:,} {name}" for name, count in facts.counts.items())
    what = f"{facts.kept:,} of {facts.rows:,} rows{f' ({pairs})' if pairs else ''}"
    return f"{what}: those that mmcheck {facts.version} judged {' or '.join(facts.verdicts)}. Verdicts: {counts}."


def license_url(name: str) -> str:
    """Return the URL of a license: as given, or its page at SPDX."""
    return name if "://" in name else f"https://spdx.org/licenses/{name}.html"


def tell_reason(title: str, rule: str, kept: str, rows: int) -> str:
    """Return one reason for removals as a sentence."""
    return f"{title} (rule {rule}{f', kept if {kept}' if kept else ''}): {rows:,} row{'s' if rows != 1 else ''}."


def _file(file: DataFile, out: Path) -> dict[str, object]:
    base = out.resolve()
    path = file.path.resolve()
    is_below = path.is_relative_to(base)
    return {
        "@type": "cr:FileObject",
        "@id": file.name,
        "name": file.name,
        "contentUrl": path.relative_to(base).as_posix() if is_below else os.fspath(path),
        "contentSize": f"{file.size} B",
        "encodingFormat": file.encoding,
        "sha256": file.sha256,
    }


def _record_set(file: DataFile) -> dict[str, object]:
    name = f"{_UNSAFE.sub('-', file.name.rpartition('.')[0])}-rows"
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"The rows of {file.name}.",
        "field": [_field(column, name, file.name) for column in file.columns],
    }


def _field(column: Column, record_set: str, file: str) -> dict[str, object]:
    found: dict[str, object] = {
        "@type": "cr:Field",
        "@id": f"{record_set}/{column.name}",
        "name": column.name,
        "dataType": _TYPES[column.type],
        "source": {"fileObject": {"@id": file}, "extract": {"column": column.name}},
    }
    if column.is_list:
        found |= {"isArray": True, "arrayShape": "-1"}
    return found


def _provenance(facts: FilterFacts) -> dict[str, object]:
    tool = f"mmcheck {facts.version}"
    reasons = [tell_reason(one.title, one.rule, one.kept, one.rows) for one in facts.reasons]
    models = [
        f"{model.name}{f' (weights SHA-256 {model.sha256})' if model.sha256 else ''}, probe {model.probe}"
        for model in facts.models
    ]
    kept = f"{facts.kept:,} of {facts.rows:,} rows kept ({' and '.join(facts.verdicts)})."
    changes = f"Config: preset {facts.preset}" + (f"; {'; '.join(facts.changes)}" if facts.changes else "") + "."
    return {
        "prov:wasDerivedFrom": [
            {
                "@type": "prov:Entity",
                "prov:label": f"{source.name} ({source.format}, {source.rows:,} rows)",
                **({"sha256": source.sha256} if source.sha256 else {}),
            }
            for source in facts.sources
        ],
        "prov:wasGeneratedBy": {
            "@type": "prov:Activity",
            "prov:label": f"Filtered by {tool}; digest of the rules {facts.policy_digest}",
            "prov:wasAssociatedWith": {"@type": "prov:SoftwareAgent", "prov:label": tool},
            "prov:used": [{"@type": "prov:Entity", "prov:label": model} for model in models],
        },
        "rai:dataPreprocessingProtocol": [kept, *reasons, changes],
        "rai:machineAnnotationTools": [tool, *models],
        "rai:dataLimitations": [*facts.warnings, *facts.costs] or ["None is known to mmcheck."],
    }
