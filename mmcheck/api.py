"""The Python API: what the commands are thin over, for notebooks and pipelines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mmcheck.agreement.run import agree_run
from mmcheck.agreement.summary import AgreementSummary
from mmcheck.audit.run import Audit, audit_run
from mmcheck.compare.run import compare_runs
from mmcheck.compare.summary import CompareSummary
from mmcheck.config import Config
from mmcheck.config.overrides import MEASURED_SECTIONS, check_judging
from mmcheck.config.resolve import resolve_config
from mmcheck.core.errors import ConfigError, MissingDependency
from mmcheck.core.progress import Progress, SilentProgress
from mmcheck.decide.decide import judge_run
from mmcheck.errata.apply import ApplyOptions, apply_errata, parse_match, parse_paths
from mmcheck.errata.patch import PatchOptions, patch_run
from mmcheck.errata.sources import MIN_CONFIDENCE
from mmcheck.errata.summary import ApplySummary, PatchSummary
from mmcheck.export.run import export_run
from mmcheck.export.summary import ExportSummary
from mmcheck.gate.run import gate_run
from mmcheck.gate.summary import GateSummary
from mmcheck.people.decision_log import import_decisions, log_path
from mmcheck.scanning.scan import scan_run
from mmcheck.store.claim import hold
from mmcheck.store.reading import require_complete
from mmcheck.store.run_folder import RunFolder
from mmcheck.store.run_summary import RunSummary

if TYPE_CHECKING:
    import pandas as pd

Manifests = str | Path | Sequence[str | Path]


class SampleTable:
    """Samples with their verdicts and values, one row a sample."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __len__(self) -> int:
        """Return the number of samples."""
        return int(self._table.num_rows)

    def to_arrow(self) -> pa.Table:
        """Return the pyarrow table."""
        return self._table

    def to_pandas(self) -> pd.DataFrame:
        """Return a pandas frame.

        Raises:
            MissingDependency: If pandas is not installed.
        """
        try:
            import pandas  # noqa: F401
        except ImportError as error:
            raise MissingDependency("to_pandas() needs pandas.", hint="pip install 'mmcheck[pandas]'") from error
        frame: pd.DataFrame = self._table.to_pandas()
        return frame


class Run:
    """A finished run.

    Args:
        path: The run folder.

    Raises:
        OutputError: If it is not a run folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.folder = RunFolder(path)

    def __repr__(self) -> str:
        """Return the call that opens this run."""
        return f"mmcheck.open_run({str(self.folder.path)!r})"

    @property
    def path(self) -> Path:
        """Return the run folder's path."""
        return self.folder.path

    @property
    def summary(self) -> RunSummary:
        """Return summary.json: rows_read, keep, flag, quarantine, unchecked, findings by code, slices, metrics."""
        return self.folder.summary

    @property
    def config(self) -> Config:
        """Return the config that the run was last judged with."""
        return self.folder.config()

    def samples(self, *, embeddings: bool = False) -> SampleTable:
        """Return one row a sample: its columns, ``action``, ``codes``, ``findings`` and every ``<probe>.<metric>``.

        Args:
            embeddings: Whether ``<probe>.embedding.<name>`` columns come along (float16 lists).
        """
        table = self.folder.samples_table()
        verdicts = self.folder.verdicts_table(["action", "codes", "findings", "decided_by"])
        for name in verdicts.column_names:
            table = table.append_column(name, verdicts[name])
        for probe in self.folder.probes():
            measured = self.folder.measurements_table(probe, embeddings=embeddings)
            for name in (name for name in measured.column_names if name not in ("sample_id", "cause")):
                table = table.append_column(f"{probe}.{name}", measured[name])
        return SampleTable(table)

    def judge(
        self,
        config: str | Path | Config | None = None,
        *,
        overrides: Sequence[str] = (),
        apply_review: bool | None = None,
        decisions: str | Path | Sequence[str | Path] = (),
        progress: Progress | None = None,
    ) -> Run:
        """Judge the stored measurements again, rewrite verdicts, manifests and summary, and return self.

        Args:
            config: A preset's name, a YAML file or a Config; None: the config the run was judged with.
            overrides: ``section.key=value`` strings.
            apply_review: Whether what people decided replaces the rules' verdicts; None: as the config says.
            decisions: Files of decisions that are taken over into the run, and applied.
            progress: Receives progress reports.

        Raises:
            ConfigError: If the rules are wrong for this run.
            UserError: If a file of decisions cannot be read or holds none.
            RunError: If the scan is not complete.
        """
        require_complete(self.folder)
        check_judging(overrides)
        stored = self.config
        files = [decisions] if isinstance(decisions, str | Path) else list(decisions)
        applies = True if files else apply_review
        by_people = [] if applies is None else [f"review.apply={str(applies).lower()}"]
        wanted = resolve_config(stored if config is None else config, overrides=[*overrides, *by_people])
        # What was read and measured stays as it was; only the rules and what is written can change now.
        kept = {name: getattr(stored, name) for name in MEASURED_SECTIONS}
        with hold(self.path):
            for file in files:
                import_decisions(Path(file), log_path(self.path))
            judge_run(self.folder, wanted.model_copy(update=kept), progress or SilentProgress())
        return self

    def audit(
        self, *, n: int | None = None, seed: int | None = None, redraw: bool = False, measure: bool = False
    ) -> Audit:
        """Draw a random sample for people to look at, and measure what they said of it against what was promised.

        Args:
            n: Rows to draw; None: 150 at first, later as many as there are. A larger number adds rows.
            seed: Of the draw.
            redraw: Whether an earlier sample is replaced.
            measure: Whether it is an error if nobody has looked at the sample yet.

        Returns:
            The sample; once somebody looked at it, also the certificate (JSON and page in ``RUN/review/``).

        Raises:
            UserError: If there is nothing to draw or to measure, or the sample is of another run or seed.
            OutputError: If the run folder cannot be written to.
            RunError: If the run is not complete or damaged.
        """
        return audit_run(self.path, count=n, seed=seed, redraw=redraw, measure_only=measure)

    def agreement(self, *, count: int = 20) -> AgreementSummary:
        """Return how far the people agree who looked at the same rows: kappas, alpha, disputed rows.

        Args:
            count: How many of the disputed rows are listed.

        Raises:
            UserError: If nobody decided about any row.
            RunError: If the run is not complete or damaged.
        """
        return agree_run(self.path, most_disputed=count)

    def gate(
        self, config: str | Path | Config | None = None, *, overrides: Sequence[str] = (), strict: bool = False
    ) -> GateSummary:
        """Hold the run to release limits; return what was found, ``passed`` and a case a limit and slice.

        Args:
            config: A preset's name, a YAML file or a Config whose section ``gate`` has the limits; None: the config
                the run was judged with.
            overrides: ``gate.key=value`` strings.
            strict: Whether what may be above a limit fails as well.

        Raises:
            ConfigError: If there is no limit, or one is wrong for this run.
            RunError: If the run is not complete or damaged.
        """
        return gate_run(self.path, config, overrides=overrides, strict=strict)

    def compare(
        self, other: Run | str | Path, *, out: str | Path | None = None, progress: Progress | None = None
    ) -> CompareSummary:
        """Tell what changed from this run to a later one: rows, verdicts, rates, values, clusters.

        Args:
            other: The later run, or its folder.
            out: A new folder for the page and the tables; None: nothing is written.
            progress: Receives progress reports.

        Raises:
            OutputError: If ``out`` cannot be used.
            RunError: If a run is not complete or damaged.
        """
        later = other.path if isinstance(other, Run) else other
        return compare_runs(self.path, later, out=out, progress=progress)

    def export(
        self,
        format: str,
        out: str | Path,
        *,
        only: Sequence[str] = ("keep",),
        media: str | None = None,
        paths: str | None = None,
        columns: bool = True,
        shard_size: int | None = None,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> ExportSummary:
        """Write rows of the run in the form that a trainer reads; return what was written.

        Args:
            format: A name of ``mmcheck list``: ``webdataset``, ``imagefolder`` ...
            out: A new or empty folder.
            only: Verdicts of the rows that are written.
            media: ``reference``, ``link`` or ``copy``; None: what the format needs.
            paths: ``absolute``, ``relative`` or ``keep``; None: as the format wants it.
            columns: Whether the ``mmcheck_*`` columns are written.
            shard_size: Rows a shard, for formats of shards.
            overwrite: Whether an earlier export in ``out`` is replaced.
            progress: Receives progress reports.

        Raises:
            UserError: If what was asked for is not possible, or the run has nothing that the format needs.
            OutputError: If ``out`` cannot be used.
            RunError: If the run is not complete or damaged.
        """
        return export_run(
            self.path,
            format=format,
            out=out,
            only=only,
            media=media,
            paths=paths,
            columns=columns,
            shard_size=shard_size,
            overwrite=overwrite,
            progress=progress,
        )

    def patch(
        self,
        out: str | Path,
        *,
        only: Sequence[str] = ("quarantine",),
        rules: Sequence[str] = (),
        repairs: bool = False,
        min_confidence: float = MIN_CONFIDENCE,
        text: bool = True,
        media: bool = True,
        about: str | None = None,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> PatchSummary:
        """Write what the run found wrong as errata, which mend anybody's copy of the set (``mmcheck.apply``).

        Args:
            out: The file of errata; with the suffix ``.gz`` it is compressed.
            only: Verdicts whose rows are removed: ``quarantine``, ``flag``, ``unchecked``; may be empty with
                ``repairs``.
            rules: Only rows that one of these rules found; none: all.
            repairs: Give pairs the texts that ``mmcheck repair`` proposed for them.
            min_confidence: Least probability of such a proposal, in [0, 1].
            text: Write the texts themselves, or only their digests.
            media: Read the media for what the run did not store.
            about: Which set this is about, in words.
            overwrite: Replace errata in ``out``.
            progress: Receives progress reports.

        Raises:
            UserError: If what was asked for is not possible.
            OutputError: If ``out`` cannot be used.
            RunError: If the run is not complete or damaged.
        """
        wanted = PatchOptions(
            only=tuple(only),
            rules=tuple(rules),
            repairs=repairs,
            min_confidence=min_confidence,
            text=text,
            media=media,
            about=about,
        )
        return patch_run(self.path, out, wanted, overwrite=overwrite, progress=progress)


def scan(
    manifests: Manifests,
    out: str | Path,
    config: str | Path | Config | Mapping[str, Any] | None = None,
    *,
    overrides: Sequence[str] = (),
    probes: str | Sequence[str] | None = None,
    device: str | None = None,
    root: str | Path | None = None,
    format: str | None = None,
    limit: int | None = None,
    engine: str = "local",
    overwrite: bool = False,
    retry_failed: bool = False,
    reuse: str | Path | Sequence[str | Path] = (),
    embeddings: str | Path | Sequence[str | Path] = (),
    progress: Progress | None = None,
) -> Run:
    """Scan manifests into a run folder and return the finished run. A stopped scan is continued by the same call.

    Args:
        manifests: One or several manifests: paths, globs, folders, fsspec URLs, ``-`` for standard input.
        out: The run folder.
        config: A preset's name, a YAML file, a ready Config, a tree of keys that extends the preset ``default`` (or
            what its ``extends`` names), or None for that preset.
        overrides: ``section.key=value`` strings on top of it.
        probes: Run only these probes: names, or one string with commas.
        device: ``auto``, ``cpu`` or ``cuda``.
        root: Folder (or URL) that relative media paths start from; None: the manifest's own folder.
        format: Force a manifest format.
        limit: Read only the first samples.
        engine: Name of a registered engine.
        overwrite: Replace a run folder that belongs to another scan.
        retry_failed: Measure failed samples again, for example after repairing their files.
        reuse: Run folders of earlier scans: measurements of samples with the same bytes and texts are reused.
        embeddings: Vectors that there are already, in place of a model: a clip-retrieval folder, ``.npz`` files, two
            ``.npy``, Parquet (docs/embeddings.md).
        progress: Receives progress reports.

    Raises:
        UserError: If input, config, weights or output folder are wrong.
        RunError: If the run fails.
    """
    patterns = _patterns(manifests)
    given = [str(embeddings)] if isinstance(embeddings, str | Path) else [str(path) for path in embeddings]
    extra = [*overrides, f"input.embeddings.paths={json.dumps(given)}"] if given else list(overrides)
    if root is not None:
        extra.append(f"input.root={root}")
    resolved = resolve_config(config, overrides=extra, probes=probes, device=device, format=format)
    scan_run(
        patterns,
        Path(out),
        resolved,
        limit=limit,
        engine=engine,
        overwrite=overwrite,
        retry_failed=retry_failed,
        reuse=[Path(reuse)] if isinstance(reuse, str | Path) else [Path(run) for run in reuse],
        progress=progress,
    )
    return Run(out)


def apply(
    errata: str | Path,
    manifests: Manifests,
    out: str | Path | None = None,
    *,
    match: str = "content",
    all_media: bool = False,
    paths: str | None = None,
    write_media: bool = False,
    report: str | Path | None = None,
    config: str | Path | Config | Mapping[str, object] | None = None,
    overrides: Sequence[str] = (),
    root: str | Path | None = None,
    format: str | None = None,
    progress: Progress | None = None,
) -> ApplySummary:
    """Mend a copy of a set by errata and write it below ``out``; return what was done and what was not.

    Args:
        errata: The file of errata (``Run.patch``), or its fsspec URL.
        manifests: One or several manifests in any format: paths, globs, folders, fsspec URLs.
        out: A new or empty folder; None: nothing is written, and the summary says what would be done.
        match: What makes a medium the same: ``bytes`` of its file, ``content`` (decoded sound too) or ``looks``
            (pictures that look alike too).
        all_media: Hash every medium, not only those whose text or name the errata know.
        paths: ``absolute``, ``relative`` or ``keep``; None: as the config says.
        write_media: Write the media too: new tar shards, folders ready to load.
        report: A file that gets one JSON line an erratum.
        config: As for ``scan``; its section ``input`` says how manifests are read.
        overrides: ``section.key=value`` strings on top of it.
        root: Folder (or URL) that relative media paths start from; None: the manifest's own folder.
        format: Force a manifest format.
        progress: Receives progress reports.

    Raises:
        UserError: If errata, manifests or options are wrong.
        OutputError: If ``out`` cannot be used.
        RunError: If what was written is not what it should be.
    """
    extra = [*overrides, *([f"input.root={root}"] if root is not None else [])]
    resolved = resolve_config(config, overrides=extra, format=format)
    options = ApplyOptions(
        match=parse_match(match), every_medium=all_media, paths=parse_paths(paths), write_media=write_media
    )
    return apply_errata(errata, _patterns(manifests), out, resolved, options, report=report, progress=progress)


def open_run(path: str | Path) -> Run:
    """Return the run in a folder.

    Raises:
        OutputError: If it is not a run folder.
    """
    return Run(path)


def _patterns(manifests: Manifests) -> list[str]:
    patterns = [str(manifests)] if isinstance(manifests, str | Path) else [str(manifest) for manifest in manifests]
    if not patterns:
        raise ConfigError("no manifest was given.")
    return patterns
