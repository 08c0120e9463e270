"""``mmcheck apply``: errata, applied to anybody's copy of the set they are about.

The manifests are read twice: once to find the rows, and once to write them. Sources are never changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from mmcheck.config import Config, OutputConfig
from mmcheck.core.errors import RunError, UserError
from mmcheck.core.progress import Progress, SilentProgress
from mmcheck.core.types import Sample
from mmcheck.errata.book import ErrataBook
from mmcheck.errata.looking import Looker, Match
from mmcheck.errata.media import MediaReader
from mmcheck.errata.read import Errata, read_errata
from mmcheck.errata.report import check_report, summarise, write_report
from mmcheck.errata.status import Status
from mmcheck.errata.summary import ApplySummary
from mmcheck.errata.survey import Changes, Outcome, Survey
from mmcheck.errata.write import ManifestWriter, MendedManifest
from mmcheck.formats.detect import STANDARD_INPUT
from mmcheck.formats.open_format import open_format
from mmcheck.scanning.first_files import try_first_files
from mmcheck.scanning.plan import describe_inputs, with_whole_root
from mmcheck.store.new_folder import NewFolder, written_stems
from mmcheck.store.run_record import InputRecord

MARKER = ".mmcheck-apply.json"
"""File of the written folder that says what was done; the name begins with a dot, so that no loader takes it."""

PathMode = Literal["absolute", "relative", "keep"]
_PATHS: tuple[PathMode, ...] = get_args(PathMode)
MATCHES: tuple[Match, ...] = get_args(Match)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOptions:
    """How errata are applied."""

    match: Match = "content"
    """How alike a medium must be to be the same: ``bytes``, ``content`` or ``looks``."""
    every_medium: bool = False
    """Whether all media are hashed, whatever their text and name."""
    paths: PathMode | None = None
    """How the media's paths are written; None: as the config says (absolute)."""
    write_media: bool = False
    """Whether the media are written too: new tar shards, folders that load."""


def parse_match(text: str) -> Match:
    """Return what makes a medium the same.

    Raises:
        UserError: If it is no such word.
    """
    for known in MATCHES:
        if known == text:
            return known
    raise UserError(f"--match must be {', '.join(MATCHES[:-1])} or {MATCHES[-1]}, but is {text!r}.")


def parse_paths(text: str | None) -> PathMode | None:
    """Return how paths are written; None stands for itself.

    Raises:
        UserError: If it is no such word.
    """
    for known in _PATHS:
        if text is None or known == text:
            return None if text is None else known
    raise UserError(f"--paths must be {', '.join(_PATHS[:-1])} or {_PATHS[-1]}, but is {text!r}.")


def apply_errata(
    errata: str | Path,
    manifests: Sequence[str],
    out: str | Path | None,
    config: Config,
    options: ApplyOptions | None = None,
    *,
    report: str | Path | None = None,
    progress: Progress | None = None,
) -> ApplySummary:
    """Mend manifests; write them below ``out``, and return what was done and what was not.

    Args:
        errata: The file of errata, or its fsspec URL.
        manifests: Manifests in any format: files, folders, globs, URLs.
        out: A new or empty folder; None: nothing is written, and the summary says what would be done.
        config: How the manifests are read.
        options: How the errata are applied.
        report: A file that gets one line of JSON an erratum.
        progress: Receives progress reports.

    Raises:
        UserError: If errata, manifests or options are wrong.
        OutputError: If something cannot be written.
        RunError: If what was written is not what it should be.
    """
    wanted = options or ApplyOptions()
    told = progress or SilentProgress()
    if STANDARD_INPUT in manifests:
        raise UserError("errata are not applied to standard input, which can be read only once.", hint="save it first.")
    settled = with_whole_root(config)
    check_report(report)
    target = None if out is None else NewFolder(path=Path(out), option="--out", what="mended manifests")
    told.phase("reading the errata", None)
    book = read_errata(str(errata))
    inputs = describe_inputs(list(manifests), settled)
    if target is not None:
        target.check(entry.manifest for entry in inputs)
    survey, changes, outcomes = _look(book, inputs, settled, wanted, told)
    if target is None:
        mended = _unwritten(inputs, survey, changes)
    else:
        mended = _write(target, inputs, changes, outcomes, settled, _output(settled, wanted), told)
    summary = summarise(
        book,
        wanted.match,
        mended,
        outcomes,
        survey.hashed,
        "" if target is None else str(target.path),
        list(_notes(mended, wanted)) if target is not None else [],
    )
    if target is not None:
        summary.write(target.path / MARKER, ensure_ascii=False, allow_nan=False)
    if report is not None:
        write_report(Path(report), book, outcomes)
    return summary


def _output(config: Config, options: ApplyOptions) -> OutputConfig:
    changed: dict[str, object] = {"write_media": options.write_media}
    if options.paths is not None:
        changed["paths"] = options.paths
    return config.output.model_copy(update=changed)


def _look(
    errata: Errata, inputs: Sequence[InputRecord], config: Config, options: ApplyOptions, progress: Progress
) -> tuple[Survey, Changes, list[Outcome]]:
    book = ErrataBook(errata.errata)
    reader = MediaReader(config.probes.media, allow_remote=config.input.allow_remote)
    survey = Survey(book, Looker(book, reader, options.match), every_medium=options.every_medium)
    try:
        samples = try_first_files(_samples(inputs, config), inputs, config, wants_text=False)
        survey.look_through(samples, progress)
    finally:
        reader.close()
    changes, outcomes = survey.settle()
    return survey, changes, outcomes


def _samples(inputs: Sequence[InputRecord], config: Config) -> Iterator[tuple[int, Sample]]:
    for number, entry in enumerate(inputs):
        for sample in open_format(entry.format, config, base=entry.base).read(entry.manifest):
            yield number, sample


def _write(
    target: NewFolder,
    inputs: Sequence[InputRecord],
    changes: Changes,
    outcomes: list[Outcome],
    config: Config,
    output: OutputConfig,
    progress: Progress,
) -> list[MendedManifest]:
    """Write all manifests; an erratum whose text a row cannot take has another outcome then."""
    progress.phase("writing mended manifests", None)
    mended: list[MendedManifest] = []
    places: set[Path] = set()
    with target.made() as staging:
        writer = ManifestWriter(config, output, progress.advance)
        for number, (entry, (stem, below)) in enumerate(
            zip(inputs, written_stems([entry.manifest for entry in inputs]), strict=True)
        ):
            place = staging / below
            place.mkdir(exist_ok=True)
            found = writer.write(entry, changes.get(number, {}), place, stem)
            if places.intersection(found.files):
                raise RunError(
                    f"two manifests would be written to one file: {found.files[0].name}.", hint="mend them one by one."
                )
            places.update(found.files)
            files = tuple(target.final(file, staging) for file in found.files)
            mended.append(replace(found, files=files))
    for number, found in enumerate(mended):
        for erratum, where in found.not_written.items():
            rows = tuple(row for row in outcomes[erratum].rows if row.input != number)
            told = f"the layout cannot hold the right text at {where}"
            outcomes[erratum] = Outcome(status=Status.NOT_WRITTEN, rows=rows, count=len(rows), why=told)
    return mended


def _unwritten(inputs: Sequence[InputRecord], survey: Survey, changes: Changes) -> list[MendedManifest]:
    """Return what would be done to each manifest."""
    found = []
    for number, entry in enumerate(inputs):
        own = changes.get(number, {})
        removed = sum(any(one.new_text is None for one in several) for several in own.values())
        found.append(
            MendedManifest(
                manifest=entry.manifest,
                format=entry.format,
                rows=survey.rows[number],
                removed=removed,
                changed=len(own) - removed,
                files=(),
                not_written={},
            )
        )
    return found


def _notes(mended: Sequence[MendedManifest], options: ApplyOptions) -> Iterator[str]:
    formats = {found.format for found in mended}
    if "webdataset" in formats and not options.write_media:
        yield (
            "Tar shards are not rewritten: the mended manifest is a listing that points into the old shards, whose "
            "texts are as they were. --write-media makes new shards."
        )
    if formats & {"imagefolder", "audiofolder", "folder"} and options.paths != "keep":
        yield "The files of folders were linked beside the mended rows, or copied where a link is not possible."
