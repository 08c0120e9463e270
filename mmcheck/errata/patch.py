"""``mmcheck patch``: what a run found wrong, as a file of errata that anybody can apply to their copy of the set."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmcheck.config import Config
from mmcheck.config.review import REVIEW_RULE
from mmcheck.core.errors import ManifestError, OutputError, UserError
from mmcheck.core.progress import Progress, SilentProgress
from mmcheck.core.types import Action
from mmcheck.core.version import VERSION
from mmcheck.errata.drafts import Draft, DraftMaker
from mmcheck.errata.neighbours import PairKey, keys_of_rows, texts_of_media
from mmcheck.errata.read import MAX_RECORDS
from mmcheck.errata.record import (
    MARK,
    MAX_OTHER_TEXTS,
    TEXT_FORM,
    Header,
    JudgedBy,
    JudgedLimit,
    Record,
    text_digest,
    to_line,
)
from mmcheck.errata.record import VERSION as ERRATA_VERSION
from mmcheck.errata.sources import MIN_CONFIDENCE, from_people, from_repairs, from_verdicts, settle
from mmcheck.errata.summary import PatchSummary
from mmcheck.formats.jsonl import first_objects
from mmcheck.formats.text_source import open_output
from mmcheck.store.reading import hold_for_reading, require_complete
from mmcheck.store.run_folder import RunFolder

CONTRADICTED = "say different things of equal pairs"
"""Why corrections are left out that cannot all be done."""
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchOptions:
    """What is wanted of a patch."""

    only: tuple[str, ...] = (Action.QUARANTINE.value,)
    """Verdicts whose rows are removed."""
    rules: tuple[str, ...] = ()
    """Only rows that one of these rules put there; none: all."""
    repairs: bool = False
    """Whether what ``mmcheck repair`` proposed comes along."""
    min_confidence: float = MIN_CONFIDENCE
    """Least probability of a proposal, in [0, 1]."""
    text: bool = True
    """Whether texts stand in the errata, or their digests alone."""
    media: bool = True
    """Whether media files are read for what the run did not store: their length, the digest of their sound."""
    about: str | None = None
    """Which set the errata are about, in words."""


def patch_run(
    run: str | Path,
    out: str | Path,
    options: PatchOptions | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> PatchSummary:
    """Write the errata of a run to the file ``out``; return what they hold.

    Args:
        run: The folder of a finished run.
        out: The file; with the suffix ``.gz`` or the like it is compressed.
        options: What is wanted.
        overwrite: Whether a file of errata at ``out`` is replaced.
        progress: Receives progress reports.

    Raises:
        UserError: If what was asked for is not possible.
        OutputError: If ``out`` cannot be written, or holds something else.
        RunError: If the run is not complete or damaged.
    """
    wanted = options or PatchOptions()
    told = progress or SilentProgress()
    folder, final = RunFolder(run), Path(out)
    _check_out(final, overwrite=overwrite)
    with hold_for_reading(folder.path):
        folder = RunFolder(run)
        require_complete(folder)
        rows_read = folder.summary["rows_read"]
        config = folder.config()
        _check(wanted, config)
        told.phase("collecting", None)
        removals = list(from_verdicts(folder, wanted.only, wanted.rules))
        decided, edits = from_people(folder)
        proposed = list(from_repairs(folder, wanted.min_confidence, decided)) if wanted.repairs else []
        decisions = settle(removals, [*proposed, *(edits if REVIEW_RULE in (wanted.rules or (REVIEW_RULE,)) else ())])
        maker = DraftMaker(folder, config, reads_media=wanted.media)
        drafts = list(maker.drafts(decisions, keys_of_rows(folder, [one.index for one in decisions]), told))
        records = list(_records(folder, drafts, maker.left_out, with_text=wanted.text))
    if len(records) > MAX_RECORDS:
        raise UserError(
            f"{len(records):,} pairs are more than a file of errata may hold ({MAX_RECORDS:,}).",
            hint="choose with --rules, one file a rule.",
        )
    header = _header(folder, config, records, wanted)
    with open_output(final) as file:
        file.write(to_line(header).encode() + b"\n")
        for record in records:
            file.write(to_line(record).encode() + b"\n")
    return PatchSummary(
        run=str(folder.path),
        file=str(final),
        rows_read=rows_read,
        records=len(records),
        removals=sum(record.action == "remove" for record in records),
        corrections=sum(record.action == "replace_text" for record in records),
        rows=len(decisions) - sum(maker.left_out.values()),
        left_out=dict(sorted(maker.left_out.items())),
        media=dict(sorted(maker.media.items())),
        with_text=wanted.text,
    )


def _check_out(out: Path, *, overwrite: bool) -> None:
    if out.is_dir():
        raise OutputError(f"--out {out} is a folder.", hint="name a file, such as errata.jsonl.")
    if not os.path.lexists(out):
        return
    try:
        first = first_objects(str(out), "utf-8", 1) or []
    except ManifestError:
        first = []
    is_own = bool(first) and MARK in first[0] and out.is_file() and not out.is_symlink()
    if not is_own:
        raise OutputError(f"--out {out} is another file, and not of errata.", hint="choose another name.")
    if not overwrite:
        raise OutputError(f"--out {out} holds errata already.", hint="--overwrite replaces them.")


def _check(options: PatchOptions, config: Config) -> None:
    if not 0 <= options.min_confidence <= 1:
        raise UserError(f"--min-confidence must be between 0 and 1, but is {options.min_confidence}.")
    known = [action.value for action in Action if action is not Action.KEEP]
    for name in options.only:
        if name not in known:
            what = "whose rows are right" if name == Action.KEEP else "which is no verdict"
            raise UserError(f"--only names {name!r}, {what}.", hint=f"choose from {', '.join(known)}.")
    if not options.only and not options.repairs and not config.review.apply:
        raise UserError(
            "nothing is asked for: no verdicts (--only), no --repairs, and the run was not judged with --apply-review.",
            hint="--only quarantine",
        )
    for name in options.rules:
        if name not in config.rules and name != REVIEW_RULE:
            raise UserError(
                f"--rules names {name!r}, which is no rule of this run.",
                hint=f"its rules are: {', '.join(config.rules)}.",
            )


def _records(run: RunFolder, drafts: Sequence[Draft], left_out: Counter[str], *, with_text: bool) -> Iterator[Record]:
    """Yield one record a medium and text, in the order of the rows; what contradicts itself is counted instead."""
    groups: dict[tuple[PairKey, bytes], list[Draft]] = {}
    for draft in drafts:
        groups.setdefault((draft.key, text_digest(draft.text)), []).append(draft)
    held = texts_of_media(run, {draft.key for draft in drafts})
    chosen: dict[tuple[PairKey, bytes], Draft] = {}
    for place, group in groups.items():
        new = {text_digest(one.decision.new_text): one for one in group if one.decision.new_text is not None}
        if len(new) > 1 or place[1] in new:
            left_out[CONTRADICTED] += len(group)
        else:
            chosen[place] = next(iter(new.values()), group[0])
    for (key, old), draft in chosen.items():
        group = groups[key, old]
        if draft.decision.new_text is not None and (key, text_digest(draft.decision.new_text)) in chosen:
            left_out[CONTRADICTED] += len(group)
            continue
        rows = held[key]
        yield _record(draft, group, old, rows, with_text=with_text)


def _record(draft: Draft, group: Sequence[Draft], old: bytes, rows: Counter[bytes], *, with_text: bool) -> Record:
    decision = draft.decision
    others = sorted(digest.hex() for digest in rows if digest != old)
    new = decision.new_text
    return Record(
        action="remove" if new is None else "replace_text",
        medium=draft.medium,
        text_sha256=old.hex(),
        text=(draft.text or "") if with_text else None,
        new_text=new if with_text else None,
        new_text_sha256=None if new is None else text_digest(new).hex(),
        keep_copies=max(0, rows[old] - len(group)) if new is None else 0,
        num_texts=max(1, len(rows)),
        other_texts=tuple(others) if len(others) <= MAX_OTHER_TEXTS else (),
        codes=tuple(dict.fromkeys(code for one in group for code in one.decision.codes)),
        reason=decision.reason if with_text else decision.plain_reason,
        scores=draft.scores,
        decided_by=decision.decided_by,
        id=draft.id,
    )


def _header(run: RunFolder, config: Config, records: Sequence[Record], options: PatchOptions) -> Header:
    names = dict.fromkeys(code.partition(".")[0] for record in records for code in record.codes)
    rules = {name: config.rules[name] for name in names if name in config.rules}
    return Header(
        mmcheck_errata=ERRATA_VERSION,
        producer=f"mmcheck {VERSION}",
        records=len(records),
        about=options.about,
        models=tuple(
            JudgedBy(
                probe=name,
                model=part.model.rstrip("/").rsplit("/", 1)[-1] if os.path.isabs(part.model) else part.model,
                weights_sha256=part.weights_sha256 if _is_digest(part.weights_sha256) else None,
            )
            for name, part in run.record.probes.items()
            if part.model
        ),
        rules={
            name: JudgedLimit(metric=rule.metric, min=rule.min, max=rule.max, action=rule.action)
            for name, rule in rules.items()
        },
        text_form=TEXT_FORM,
    )


def _is_digest(text: str) -> bool:
    return len(text) == 64 and set(text) <= _HEX
