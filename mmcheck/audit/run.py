"""The command: draw a sample, or measure what people said of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmcheck.audit.certificate import Certificate, write_certificate
from mmcheck.audit.measuring import make_certificate, reviewed_rows
from mmcheck.audit.page import write_certificate_page
from mmcheck.audit.rows import JudgedRows, read_judged
from mmcheck.audit.strata import draw_sample, find_strata
from mmcheck.core.errors import UserError
from mmcheck.people.decision_log import FOLDER
from mmcheck.people.draw import DRAW_FILE, Draw, Strata, find_draw, read_strata, write_draw
from mmcheck.people.truth import read_truths
from mmcheck.store.reading import hold_for_reading, require_complete
from mmcheck.store.run_folder import RunFolder

DRAWN = 150
"""Rows that an audit draws. Our own choice: an hour's work, after which a share of 10 % is known to within 5 %."""
SEED = 0
"""Seed of the draw. Given by the custom of run.seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What ``mmcheck audit`` did."""

    draw: Draw
    """The sample."""
    new_rows: int
    """Rows that this call drew."""
    file: Path
    """Where the sample is."""
    certificate: Certificate | None
    """What people measured; None while nobody looked."""
    files: tuple[Path, ...]
    """Where the certificate is: JSON and page; empty while there is none."""


def audit_run(
    path: str | Path,
    *,
    count: int | None = None,
    seed: int | None = None,
    redraw: bool = False,
    measure_only: bool = False,
) -> Audit:
    """Draw a sample of a run for people to look at, or enlarge it, and measure what they said of it.

    Args:
        path: The run folder.
        count: Rows of the sample; None: 150 at first, later as many as there are. A larger number adds rows.
        seed: Of the draw; None: 0 at first.
        redraw: Whether an earlier sample is replaced. Decisions about it stay in the log.
        measure_only: Whether a missing sample, or one that nobody looked at, is an error.

    Raises:
        OutputError: If it is no run folder, another process writes there, or it cannot be written to.
        RunError: If the run is not complete or damaged.
        UserError: If there is nothing to draw or to measure, or the sample is of another run, seed or damaged.
    """
    if count is not None and count < 1:
        raise UserError(f"--n must be at least 1, but is {count}.")
    run = RunFolder(path)
    require_complete(run)
    with hold_for_reading(run.path):
        if not run.summary["rows_read"]:
            raise UserError(f"{run.path} has no rows: there is nothing to audit.")
        config = run.config()
        rows = read_judged(run, config)
        earlier = None if redraw else find_draw(run)
        if measure_only and earlier is None:
            raise UserError(
                f"{run.path} has no audit sample.",
                hint=f"`mmcheck audit {run.path}` draws one; review it, then measure.",
            )
        draw, strata = _sample(run, rows, earlier, None if measure_only else count, seed)
        truths = read_truths(run, config.review)
        file = run.path / FOLDER / DRAW_FILE
        new_rows = len(draw.samples) - (len(earlier.samples) if earlier else 0)
        if not reviewed_rows(draw, truths):
            if measure_only:
                raise UserError(
                    f"nobody has looked at the sample in {file} yet.",
                    hint=f"`mmcheck review {run.path} --sample audit` shows it.",
                )
            return Audit(draw=draw, new_rows=new_rows, file=file, certificate=None, files=())
        certificate = make_certificate(run, config, rows, draw, strata, truths)
        written = write_certificate(run.path, certificate)
        page = write_certificate_page(run.path, certificate)
    return Audit(draw=draw, new_rows=new_rows, file=file, certificate=certificate, files=(written, page))


def _sample(
    run: RunFolder, rows: JudgedRows, earlier: Draw | None, count: int | None, seed: int | None
) -> tuple[Draw, Strata]:
    if earlier is not None:
        strata = read_strata(run, earlier)
        if seed is not None and seed != earlier.seed:
            raise UserError(
                f"the sample of {run.path} was drawn with --seed {earlier.seed}, not {seed}.",
                hint="--redraw replaces it; what people decided stays.",
            )
        if count is None or count <= len(earlier.samples):
            return earlier, strata
    else:
        strata = find_strata(rows)
        if not strata.names:
            raise UserError(
                f"no row of {run.path} has a readable medium and a text: there is nothing that people could compare."
            )
    ids = run.samples_table(["id"])["id"]
    chosen = earlier.seed if earlier is not None else SEED if seed is None else seed
    draw = draw_sample(
        rows,
        strata,
        ids,
        min(count or DRAWN, sum(strata.sizes())),
        seed=chosen,
        identity=run.record.identity,
        earlier=earlier,
    )
    write_draw(run.path, draw, strata)
    return draw, strata
