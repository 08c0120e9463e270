"""An image or recording that is missing, broken or refused."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmcheck.core.part_traits import RuleTraits
from mmcheck.core.types import Status
from mmcheck.judge.rule import BaseRule, RuleFindings, applicable
from mmcheck.judge.table import JudgeTable

ENVIRONMENT_CAUSES = ("absent", "missing_dependency", "remote_not_allowed", "unreachable")
"""Causes of a MediaError that say nothing against the medium: another try elsewhere may well read it."""


class UnreadableMediaRule(BaseRule):
    """Fires where any probe failed because of the medium; the cause is that of the MediaError.

    A probe that failed for another reason (no network, a fault of the program) says nothing against the medium; such
    samples are ``unmeasured``. One finding a row: the probes all tell the same story, and the first one is heard.
    """

    traits = RuleTraits(meaning="The image or recording cannot be used")
    causes = (
        "missing",
        "empty",
        "truncated",
        "undecodable",
        "not_an_image",
        "not_audio",
        "no_audio_stream",
        "unsupported_format",
        "too_large",
        "too_long",
        "too_slow",
        "segment_invalid",
        "segment_outside",
        "is_directory",
        "not_a_file",
        "bad_path",
        "permission_denied",
        "unreadable",
        "blank",
    )

    def apply(self, table: JudgeTable) -> RuleFindings:
        """Return a finding for each sample whose medium cannot be used."""
        left = applicable(self.options, table)
        known = pa.array(self.causes, pa.string())
        found: list[tuple[int, str, str]] = []
        for probe in table.probes:
            blamed = pc.is_in(table.causes(probe), value_set=known).to_numpy(zero_copy_only=False)
            rows = np.flatnonzero(left & blamed & table.has_status(probe, Status.FAILED))
            left[rows] = False
            chosen = pa.array(rows)
            causes = table.causes(probe).take(chosen).to_pylist()
            reasons = table.reasons(probe).take(chosen).to_pylist()
            found += zip(rows.tolist(), causes, reasons, strict=True)
        found.sort(key=lambda item: item[0])
        return self.findings(
            np.array([row for row, _, _ in found], dtype=np.int64),
            [cause for _, cause, _ in found],
            [_sentence(reason, cause) for _, cause, reason in found],
        )


def _sentence(reason: str | None, cause: str) -> str:
    text = (reason or f"the medium cannot be used ({cause})").strip()
    if text.partition(" ")[0].isalpha():  # a file name at the beginning stays as it is
        text = text[:1].upper() + text[1:]
    return text + ("" if text.endswith((".", "!", "?")) else ".")
