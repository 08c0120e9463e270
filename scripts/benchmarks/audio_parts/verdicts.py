"""What a contest shows: rates, ratios against what was wanted, and how well each finds the planted faults."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scripts.benchmarks.audio_parts.contestants import (
    BATCHED,
    FASTER_WHISPER,
    FLOOR,
    OURS,
    OWN_WINDOWS,
    WINDOWS,
    find,
    scores_path,
)
from scripts.benchmarks.contest import Standing
from scripts.benchmarks.quality_parts.figures import roc_auc
from scripts.benchmarks.results import Target

WANTED = {FASTER_WHISPER: {"full": 3.5, "fitted": 8.0}, BATCHED: {"full": 2.5, "fitted": 6.0}}
SHARE_ON_GPU = 0.70
_MEANING = {
    "anomaly": "speech.anomaly, what the product judges by",
    "doubt": "verification alone, against its limits",
}


def speed_table(title: str, standings: Sequence[Standing]) -> str:
    """Return the markdown table of a contest: rates, and how much faster ours is with full and with fitted windows."""
    ours = {window: find(standings, f"{OURS}, {window} windows") for window in WINDOWS}
    floors = {window: find(standings, f"{FLOOR}, {window} windows") for window in WINDOWS}
    lines = [
        title,
        "",
        "| program | clips/s | least - most | ours, full, is faster by | ours, fitted | of its floor | transcribed "
        "| tokens of each | peak MiB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for standing in standings:
        name = standing.entry.name
        if not standing.turns:
            lines.append(f"| {name} | failed: {standing.failure} | | | | | | | |")
            continue
        told = standing.turns[0].told
        low, high = standing.spread
        own = next((window for window in OWN_WINDOWS if name.endswith(f"{window} windows")), None)
        floor = floors.get(own) if own else None
        share = f"{standing.rate / floor.rate:.2f}" if floor is not None and standing is not floor else ""
        ratios = ["" if found is None or own else f"{found.rate / standing.rate:.2f}x" for found in ours.values()]
        transcribed = told.get("transcribed", "" if own else told["items"])
        cells = (
            f"**{name}**" if standing.entry.kind == "ours" else name,
            f"{standing.rate:.2f}",
            f"{low:.2f} - {high:.2f}",
            *ratios,
            share,
            f"{transcribed} of {told['items']}" if transcribed != "" else "",
            f"{told['tokens_per_clip']:.0f}" if "tokens_per_clip" in told else "",
            f"{standing.peak_mib:.0f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    peer = find(standings, FASTER_WHISPER)
    reach = [
        f"{floor.rate / peer.rate:.2f}x with {window} windows"
        for window, floor in floors.items()
        if floor is not None and peer is not None
    ]
    if reach:
        lines += ["", f"The floor itself is faster than {FASTER_WHISPER} by {' and by '.join(reach)}."]
    return "\n".join(lines)


def speed_targets(name: str, standings: Sequence[Standing]) -> list[Target]:
    """Return the ratios that were to be reached; contestants that failed give no target."""
    found = []
    for peer, ratios in WANTED.items():
        other = find(standings, peer)
        for window, wanted in ratios.items():
            ours = find(standings, f"{OURS}, {window} windows")
            if ours is None or other is None:
                continue
            reached = ours.rate / other.rate
            work = f"audio-transcript {name}, {window} windows, against {peer}"
            met = round(reached, 2) >= wanted
            found.append(Target(work=work, wanted=f">= {wanted:.1f}x", reached=f"{reached:.2f}x", met=met))
    return found


def floor_targets(name: str, standings: Sequence[Standing]) -> list[Target]:
    """Return the shares of the floor that were to be reached on a GPU."""
    found = []
    for window in WINDOWS:
        ours = find(standings, f"{OURS}, {window} windows")
        floor = find(standings, f"{FLOOR}, {window} windows")
        if ours is None or floor is None:
            continue
        share = ours.rate / floor.rate
        work = f"audio-transcript {name}, {window} windows, share of the floor"
        met = round(share, 2) >= SHARE_ON_GPU
        found.append(Target(work=work, wanted=f">= {SHARE_ON_GPU:.2f}", reached=f"{share:.2f}", met=met))
    return found


def detection(standings: Sequence[Standing], faults: Sequence[str | None]) -> dict[str, dict[str, float]]:
    """Return the ROC-AUC of each contestant's scores: all faults together, and one by one against the sound clips.

    Args:
        standings: Of all contestants; those without scores are left out.
        faults: The planted fault of each clip, None where there is none.

    Returns:
        By ``program: score`` the areas under the names of the faults and ``all``.
    """
    found = {}
    for standing in standings:
        path = scores_path(standing.entry)
        if not standing.turns or not path.exists():
            continue
        told: Any = json.loads(path.read_text("utf-8"))
        kinds: Mapping[str, Sequence[float]] = told if isinstance(told, dict) else {"word error rate": told}
        for kind, scores in kinds.items():
            if scores and len(set(scores)) > 1:
                found[f"{standing.entry.name}: {_MEANING.get(kind, kind)}"] = _areas(scores, faults[: len(scores)])
    return found


def _areas(scores: Sequence[float], faults: Sequence[str | None]) -> dict[str, float]:
    badness = np.asarray(scores, dtype=np.float64)
    faulty = np.asarray([fault is not None for fault in faults])
    areas = {"all": roc_auc(badness, faulty)}
    for kind in dict.fromkeys(fault for fault in faults if fault is not None):
        chosen = ~faulty | np.asarray([fault == kind for fault in faults])
        areas[kind] = roc_auc(badness[chosen], faulty[chosen])
    return areas


def detection_table(title: str, areas: Mapping[str, Mapping[str, float]]) -> str:
    """Return the markdown table of the detection quality; the last column is the fault that is found worst."""
    lines = [title, "", "| judged by | ROC-AUC, all faults | worst fault |", "|---|---|---|"]
    for name, found in areas.items():
        worst = min((kind for kind in found if kind != "all"), key=lambda kind: found[kind])
        lines.append(f"| {name} | {found['all']:.3f} | {worst}: {found[worst]:.3f} |")
    return "\n".join(lines)


def detection_targets(areas: Mapping[str, Mapping[str, float]]) -> list[Target]:
    """Return whether ours finds faults no worse than the best peer, with each kind of window."""
    peers = [found["all"] for name, found in areas.items() if not name.startswith(OURS)]
    targets = []
    for window in WINDOWS:
        own = areas.get(f"{OURS}, {window} windows: {_MEANING['anomaly']}")
        if own is None or not peers:
            continue
        work = f"audio-transcript tiny-whisper, {window} windows, ROC-AUC against the best peer"
        met = round(own["all"], 3) >= round(max(peers), 3)
        targets.append(Target(work=work, wanted=f">= {max(peers):.3f}", reached=f"{own['all']:.3f}", met=met))
    return targets
