"""Which hidden state each place of a sequence is in, given the evidence at every place and how rarely states change."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats


def state_posteriors(
    log_evidence: NDArray[np.floating], transitions: Floats, initial: Floats
) -> tuple[NDArray[np.float32], float]:
    """Return the posterior probability of each state at each place (forward-backward; Rabiner, Proc. IEEE 1989).

    Args:
        log_evidence: Log-likelihood of what is seen at a place under each state, shape (n, s), finite.
        transitions: Probability of going from state (row) to state (column), shape (s, s), rows sum to 1.
        initial: Probability of each state at the first place, shape (s,).

    Returns:
        Posteriors of shape (n, s), rows sum to 1; and the log-likelihood of the whole sequence.
    """
    count, num_states = log_evidence.shape
    forward = np.zeros((count, num_states), dtype=np.float32)
    if not count:
        return forward, 0.0
    total = 0.0
    belief = np.asarray(initial, dtype=np.float64)
    for place in range(count):
        row = log_evidence[place].astype(np.float64)
        peak = float(row.max())
        if place:
            belief = belief @ transitions
        belief = belief * np.exp(row - peak)
        scale = float(belief.sum())
        belief = belief / scale
        total += peak + float(np.log(scale))
        forward[place] = belief
    backward = np.ones(num_states)
    for place in range(count - 1, -1, -1):
        joint = forward[place] * backward
        row = log_evidence[place].astype(np.float64)
        seen = np.exp(row - row.max()) * backward
        backward = transitions @ seen
        backward = backward / backward.max()
        forward[place] = joint / joint.sum()
    return forward, total
