"""The certificate as a page for the owner of the data: complete in itself, without a script."""

from __future__ import annotations

from pathlib import Path

from mmcheck.audit.certificate import Certificate, Measured, show_share
from mmcheck.core.atomic import write_text
from mmcheck.people.decision_log import FOLDER
from mmcheck.report.page import asset, render_page
from mmcheck.report.shown_text import show_plain

PACKAGE = "mmcheck.audit"
PAGE_NAME = "audit-certificate.html"
WIDTH = 240
"""Width of the axis from 0 to 100 %, px. Our own choice: five rows fit beside their numbers."""
_MARGIN = 5
"""Room beside the axis for the marks at its ends, px. Our own choice: as wide as the mark."""


def write_certificate_page(run: Path, certificate: Certificate) -> Path:
    """Write the page into a run's review folder and return its path.

    Raises:
        OutputError: If it cannot be written.
    """
    file = run / FOLDER / PAGE_NAME
    write_text(file, build_certificate_page(certificate))
    return file


def build_certificate_page(certificate: Certificate) -> str:
    """Return the page as one HTML text without a link to anything outside it."""
    return render_page(
        PACKAGE,
        "page.html.j2",
        style=asset("report.css") + asset("page.css", PACKAGE),
        name=show_plain(certificate.run),
        headline=certificate.headline,
        width=WIDTH + 2 * _MARGIN,
        certificate=certificate,
        measures=[_show(one) for one in certificate.measures],
        notes=[show_plain(note, 600) for note in certificate.notes],
        reviewers=", ".join(show_plain(name, 60) for name in certificate.reviewers),
        when=[(time or "")[:16].replace("T", " ") for time in (certificate.first_decision, certificate.last_decision)],
        data=[(show_plain(one.manifest, 200), one) for one in certificate.data],
    )


def _show(one: Measured) -> dict[str, object]:
    def at(share: float) -> float:
        return round(_MARGIN + WIDTH * share, 1)

    return {
        "title": one.title,
        "meaning": one.meaning,
        "promised": None if one.promised is None else f"{show_share(one.promised)} %",
        "interval": f"{show_share(one.low)} to {show_share(one.high)} %",
        "estimate": None if one.estimate is None else f"{show_share(one.estimate)} %",
        "with_unsure": f"{show_share(one.with_unsure[0])} to {show_share(one.with_unsure[1])} %",
        "outcome": "worse than promised" if one.is_broken else one.outcome.replace("nothing promised", ""),
        "is_broken": one.is_broken,
        "left": at(one.low),
        "length": max(round(WIDTH * (one.high - one.low), 1), 1.0),
        "middle": None if one.estimate is None else at(one.estimate),
        "mark": None if one.promised is None else at(one.promised),
    }
