"""Repairing a finished run: proposals beside it, and on request manifests that carry them; nothing changes in place."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from mmcheck.core.atomic import TMP_PREFIX
from mmcheck.core.errors import OutputError, UserError
from mmcheck.core.pair_kinds import AUDIO_TRANSCRIPT, IMAGE_CAPTION, KIND_OF, TEXTS, PairKind
from mmcheck.core.progress import Progress, SilentProgress
from mmcheck.core.sentences import count_noun
from mmcheck.decide.sources import check_sources
from mmcheck.repair.constants import MIN_CONFIDENCE
from mmcheck.repair.inputs import image_scores, read_files, read_posterior, transcript_scores
from mmcheck.repair.orphans import Orphans
from mmcheck.repair.page import write_repair_page
from mmcheck.repair.plan import Explanation
from mmcheck.repair.scores import PairScores
from mmcheck.repair.search import Proposal, RepairPlan, propose_repairs
from mmcheck.repair.summary import FOLDER, ComparedPairs, EncodedOrphans, RepairSummary, Written
from mmcheck.repair.write import new_folder, write_repaired
from mmcheck.store.claim import hold
from mmcheck.store.own_entries import PRODUCTS
from mmcheck.store.reading import require_complete
from mmcheck.store.result_tables import write_result
from mmcheck.store.run_folder import RunFolder, read_part

PROPOSALS = pa.schema(
    [
        ("index", pa.int64()),
        ("sample_id", pa.string()),
        ("manifest", pa.string()),
        ("row_number", pa.int64()),
        ("modality", pa.string()),
        ("kind", pa.string()),
        ("confidence", pa.float64()),
        ("own_score", pa.float64()),
        ("proposed_score", pa.float64()),
        ("text", pa.string()),
        ("proposed_text", pa.string()),
        ("source_index", pa.int64()),
        ("source_id", pa.string()),
        ("source_manifest", pa.string()),
        ("source_row_number", pa.int64()),
        ("reason", pa.string()),
    ]
)
_COPY = "repair a copy of the run"


def repair_run(
    path: str | Path,
    *,
    write: str | Path | None = None,
    min_confidence: float = MIN_CONFIDENCE,
    use_model: bool = True,
    progress: Progress | None = None,
) -> RepairSummary:
    """Propose repairs for a finished run, write ``RUN/repair/`` anew, and return its summary.

    Args:
        path: The run folder.
        write: A new or empty folder for repaired manifests; None: none are written.
        min_confidence: Least probability of a proposal, in [0, 1].
        use_model: Whether the run's model may be loaded for captions whose image is gone and images without a caption.
        progress: Receives progress reports.

    Returns:
        What ``RUN/repair/summary.json`` holds.

    Raises:
        OutputError: If it is not a run folder, is in use, or a folder cannot be written to.
        RunError: If the run is not complete or damaged.
        UserError: If the run holds nothing to compare, or ``min_confidence`` is out of range.
    """
    if not 0 <= min_confidence <= 1:
        raise UserError(f"--min-confidence must be between 0 and 1, but is {min_confidence}.")
    told = progress or SilentProgress()
    require_complete(RunFolder(path))
    with hold(Path(path), instead=_COPY):
        # Opened anew: it may have changed before it was held.
        run = RunFolder(path)
        require_complete(run)
        rows = run.summary["rows_read"]
        target = None if write is None else new_folder(Path(write))
        if target is not None:
            target.check(entry.manifest for entry in run.record.inputs)
            # Shards are never rewritten here: the repaired manifest of tars is a listing.
            check_sources(run, write_media=False)
        _clear(run.path / FOLDER)
        scratch = run.path / FOLDER / f"{TMP_PREFIX}embeddings"
        orphans = Orphans(wanted=use_model)
        try:
            plans = _plan(run, rows, scratch, orphans, told)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        table = _table(run, plans, min_confidence)
        told.phase("writing proposals", None)
        written = Written() if target is None else write_repaired(run, table, target, told)
        summary = _summarise(run, rows, plans, orphans, table, min_confidence, written)
        try:
            _write(run, table, summary)
            told.phase("writing the page", None)
            write_repair_page(run)
        except OutputError as error:
            raise OutputError(error.message, hint=f"free some space, or {_COPY}.") from error
    return summary


def _clear(folder: Path) -> None:
    """Remove what an earlier repair left, so that what is there when this one fails is not taken for its outcome."""
    try:
        folder.mkdir(exist_ok=True)
        for name in PRODUCTS[FOLDER]:
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot write to {folder}: {error.strerror or error}.", hint=f"make it writable, or {_COPY}."
        ) from error


def _plan(run: RunFolder, rows: int, scratch: Path, orphans: Orphans, progress: Progress) -> list[RepairPlan]:
    if not rows:
        return []
    progress.phase("comparing", None)
    files = read_files(run)
    found: dict[PairKind, PairScores | None] = {
        IMAGE_CAPTION: image_scores(run, scratch, orphans),
        AUDIO_TRANSCRIPT: transcript_scores(run),
    }
    compared = {kind: scores for kind, scores in found.items() if scores is not None}
    if not compared:
        raise _nothing_stored(run)
    return [
        propose_repairs(scores, files, kind=kind, posterior=None if scores.are_absolute else read_posterior(run, kind))
        for kind, scores in compared.items()
    ]


def _nothing_stored(run: RunFolder) -> UserError:
    if AUDIO_TRANSCRIPT.probe in run.probes() and IMAGE_CAPTION.probe not in run.probes():
        return UserError(
            f"{run.path} holds nothing that was heard: no recording was transcribed.",
            hint="scan with --set probes.transcript.transcribe=uncertain (or always), then repair.",
        )
    return UserError(
        f"{run.path} holds no embeddings and nothing that was heard, so there is nothing to compare.",
        hint="scan with the probe image_text (pictures) or transcript (recordings), then repair.",
    )


def _table(run: RunFolder, plans: Sequence[RepairPlan], min_confidence: float) -> pa.Table:
    """Return the proposals that are sure enough, in the order of the rows, with ids and texts."""
    chosen: list[Proposal] = [
        proposal for plan in plans for proposal in plan.proposals if proposal.confidence >= min_confidence
    ]
    chosen.sort(key=lambda proposal: (proposal.row, proposal.modality))
    found = _read_rows(run, {row for proposal in chosen for row in (proposal.row, proposal.source)})
    records = []
    for proposal in chosen:
        own, source = found[proposal.row], found[proposal.source]
        column = KIND_OF[proposal.modality].text
        records.append(
            {
                "index": proposal.row,
                "sample_id": own["id"],
                "manifest": own["manifest"],
                "row_number": own["row_number"],
                "modality": proposal.modality,
                "kind": proposal.kind,
                "confidence": proposal.confidence,
                "own_score": proposal.own_score,
                "proposed_score": proposal.proposed_score,
                "text": own[column],
                "proposed_text": source[column],
                "source_index": proposal.source,
                "source_id": source["id"],
                "source_manifest": source["manifest"],
                "source_row_number": source["row_number"],
                "reason": proposal.reason,
            }
        )
    return pa.Table.from_pylist(records, schema=PROPOSALS)


def _read_rows(run: RunFolder, wanted: set[int]) -> dict[int, dict[str, object]]:
    found: dict[int, dict[str, object]] = {}
    rows = np.array(sorted(wanted), dtype=np.int64)
    for shard in run.shards():
        here = rows[np.searchsorted(rows, shard.start) : np.searchsorted(rows, shard.stop)]
        if len(here):
            columns = ["id", "manifest", "row_number", *TEXTS]
            part = read_part(run.samples_part(shard), columns).take(here - shard.start)
            found.update(zip(here.tolist(), part.to_pylist(), strict=True))
    return found


def _summarise(
    run: RunFolder,
    rows: int,
    plans: Sequence[RepairPlan],
    orphans: Orphans,
    table: pa.Table,
    min_confidence: float,
    written: Written,
) -> RepairSummary:
    kinds = Counter(table["kind"].to_pylist())
    confidence = np.asarray(table["confidence"].to_numpy(), dtype=np.float64)
    every = [proposal.confidence for plan in plans for proposal in plan.proposals]
    explanations = [explanation for plan in plans for explanation in plan.explanations]
    notes = [note[:1].upper() + note[1:] for note in (*(note for plan in plans for note in plan.notes), *orphans.notes)]
    return RepairSummary(
        run=run.path.resolve().name,
        rows_read=rows,
        min_confidence=min_confidence,
        proposals=table.num_rows,
        proposals_by_kind=dict(sorted(kinds.items())),
        expected_wrong=round(float((1 - confidence).sum()), 2),
        less_sure=sum(0.5 <= value < min_confidence for value in every),
        suspects=sum(plan.num_suspects for plan in plans),
        explanations=tuple(explanations),
        sentences=tuple(_sentences(table.num_rows, plans, explanations)),
        notes=tuple(notes),
        modalities={
            plan.kind.name: ComparedPairs(
                pairs=plan.num_pairs,
                suspects=plan.num_suspects,
                random_share=plan.random_share,
                partner_share=plan.partner_share,
            )
            for plan in plans
        },
        orphans=EncodedOrphans(captions=orphans.num_captions, images=orphans.num_images),
        written=written,
    )


def _sentences(proposals: int, plans: Sequence[RepairPlan], explanations: Sequence[Explanation]) -> list[str]:
    told = [explanation.sentence for explanation in explanations]
    if proposals:
        return told
    suspects = sum(plan.num_suspects for plan in plans)
    if suspects:
        what = count_noun(suspects, "suspect pair")
        return [*told, f"Nothing is proposed: no other text is certain enough for any of {what}."]
    blind = [plan.kind for plan in plans if plan.num_pairs and plan.random_share is None]
    unjudged = [f"{kind.medium_noun}-{kind.text_noun}" for kind in blind]
    if not any(plan.num_pairs for plan in plans):
        return [*told, "Nothing was judged: there is no pair whose medium and text can be compared."]
    if len(unjudged) == sum(plan.num_pairs > 0 for plan in plans):
        return [*told, "Nothing was judged, so nothing is proposed."]
    if unjudged:
        return [
            *told,
            f"Nothing is proposed: the {' and '.join(unjudged)} pairs could not be judged, and no other looks wrong.",
        ]
    return [*told, "Nothing to repair: no pair looks wrong."]


def _write(run: RunFolder, table: pa.Table, summary: RepairSummary) -> None:
    folder = run.path / FOLDER
    write_result(folder, "proposals", table)
    summary.write(folder / "summary.json", ensure_ascii=False, allow_nan=True)
