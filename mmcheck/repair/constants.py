"""Limits that decide what repair looks for, how much a score may say, and what is proposed."""

from __future__ import annotations

# What it takes to look for anything.
MIN_PAIRS = 20
"""Fewer pairs do not show what right ones look like. Our own choice: half of them may be wrong."""
MIN_HEARD = 2
"""The same for recordings that were transcribed. Our own choice: their likeness to the right text is known
beforehand."""
STANDS_OUT = 0.75
"""Standard deviations above random pairs of the mean of pairs that are mostly right. Our own choice: the weakest
model that is of use."""
MANY_SUSPECTS = 0.2
"""Share of suspects from which their partners blur what random pairs score. Our own choice: a fifth."""
MIN_RIGHT_PAIRS = 8
"""Fewer right pairs do not show what they score. Our own choice: a mean and a spread of fewer are too uncertain."""

# How much a score, a row and a match may say.
MAX_LOG_RATIO = 14.0
"""No score says more than this, in nats. Our own choice: a null of a few million pairs knows nothing of what is
rarer."""
ROW_LOG_RATIO = 8.0
"""No single row says more than this, in nats, of the block that it stands in. Our own choice: one row must not decide
for a block."""
TRANSCRIPT_MEAN, TRANSCRIPT_SPREAD = 0.85, 0.17
"""Likeness of a right transcript to what was recognised. Our own choice: that of recognisers between 0 and 35 %
character errors."""
LEAST_SHARE, MOST_SHARE = 0.01, 0.98
"""Bounds of the share of matched pairs. Our own choice: nothing is certain."""
LEAST_RATIO = 0.3
"""Likelihood ratio below which a candidate is ignored. Our own choice: it hardly counts beside the others."""

# What is proposed, and what is matched at all.
MIN_CONFIDENCE = 0.8
"""Confidence below which nothing is proposed unless asked for. Our own choice: at most one proposal in five may be
wrong."""
DOUBTFUL = 0.1
"""Pairs this probably wrong are matched as well. Our own choice: their own text competes for its place, so nothing is
lost."""
LEAST_CHANCE = 0.05
"""Probability up to which a match is neither made nor listed. Our own choice: nobody would look at it."""
MOST_CHANCE = 0.9999
"""Largest probability that is reported. Our own choice: nothing is certain, rounded or not."""

# Displaced blocks.
REACH = 20
"""Shifts of up to so many rows are looked for. Our own choice: off-by-a-few faults of lists; wider ones are found file
by file."""
BLOCK_MIN_ROWS = 3
"""Rows of the shortest displaced block. Our own choice: two are a swap."""
BLOCK_STRAYS = 0.05
"""Share of a displaced block's texts that may be wrong for another reason. Our own choice: as in other data."""
BLOCK_STAY = 0.98
"""Probability that the next row is displaced as this one. Our own choice: blocks of some fifty rows."""
CLUSTER, CLUSTERED = 6, 3
"""Rows in a row, and suspects among them, from which a displacement is looked for. Our own choice: lone wrong pairs do
not stand so close."""
BLOCK_SURE = 0.999
"""Largest confidence in a displaced block. Our own choice: nothing is certain."""
BLOCK_MIN_GAIN = 12.0
"""Log-likelihood (nat) that a displacement must gain. Our own choice: chance of one in 160,000, for as many places in a
large file."""

# Other orders of a whole file.
DISPLACED_SHARE = 0.2
"""Share of a file's pairs that must be suspect before it is arranged otherwise. Our own choice: fewer are single
faults."""
FILE_MIN_SUSPECTS = 8
"""The same as a number of pairs. Our own choice: fewer fit some other order by chance."""
MORE_SUPPORT = 0.2
"""Share of pairs that another order must explain beyond the present one. Our own choice: as ``DISPLACED_SHARE``."""
BETTER_FACTOR, BETTER_GAIN = 1.05, 1.0
"""Times as much, and nat more, that another order of a file must gain to be taken instead of one found before. Our own
choice: a tie goes to the better supported one, which is tried first."""
WINDOW = 24
"""Places in a row that are looked at together. Our own choice: a mean of as many stands out."""
WINDOW_MIN_GAIN = 1.0
"""Standard deviations above random pairs that the mean of a window's scores must reach. Our own choice: of 24
scores, five standard errors."""
PARTNER_AHEAD = 0.99
"""Quantile of the second-best scores that a clear partner is above. Our own choice: one in a hundred by chance."""
PARTNER_MIN_SHARE = 0.4
"""Share of the media that must have a clear partner. Measured: in trials up to 0.37 of 60 strangers and 0.26 of 300."""
PARTNER_MIN_LEAD = 3.5
"""Times as far as from the second best to the third, in the median, must it be from the best to the second. Measured:
in trials 2 to 3.3 among strangers."""
