"""Limits that decide what the analyses judge and call wrong; what a rule makes of it stands in the config."""

from __future__ import annotations

# What is called wrong.
DAMAGED_FROM = {"jpeg_damage": 0.5, "grey_bottom": 0.05}
"""Values above which the presets call an image damaged. Our own choice: as rules damaged_image and grey_bottom."""

# alignment: when a model can tell pairs apart, and when a set is displaced throughout.
ALIGNMENT_MIN_HIT_RATE = 0.3
"""Share of the pairs called true that must score above 99 of 100 random pairs; else the model cannot tell. Our own
choice: thirty times chance; the sets on which models of any skill are judged stand in quality.md."""
ALIGNMENT_MAX_SHARE = 0.95
"""Share of mismatched pairs above which nothing is judged. Our own choice: too few matched pairs are left to compare
with."""
ALIGNMENT_HIT_QUANTILE = 0.99
"""Quantile of the random pairs above which a pair counts for that share. Our own choice: one in a hundred by
chance."""
KOLMOGOROV_SMIRNOV = 1.95
"""Largest distance of two equal distributions, times the root of the number of pairs. Given by the Kolmogorov-Smirnov
test at one in a thousand."""
SHARES_DIFFERENCE, SHARES_ERRORS = 0.05, 4
"""Difference of the two estimates of the share, and the same in standard errors, up to which they agree. Our own
choice: less than a doubt about the verdicts, and hardly ever by chance."""
SHARE_BIAS = 0.08
"""Times the share and its rest: what a share may be off in sets of any size. Measured: on synthetic sets of 3,000 rows
the estimate is off by .002 at 2 %, by .002 to .009 at 10 % and by up to .016 at 40 %."""
MIN_STRANGERS = 0.1
"""Share of random re-pairings of the bank that must join unlike halves. Our own choice: with fewer, the set says the
same of all its images."""
PARTNER_ASYMMETRY = 1.25
"""Farther by this factor lie best partners above expectation than worst ones below, if the model knows the data. Our
own choice: noise is symmetric (1.0), and a quarter leaves room for chance."""
PARTNER_MIN_HEARD = 10
"""Fewer recordings say nothing of the set. Our own choice: a share of 0.3 is three of ten."""
PARTNER_MIN_SHARE = 0.3
"""Share of the recordings that must have a clear partner. Our own choice: among random pairs hardly any has one."""
PARTNER_MIN_SIMILARITY, PARTNER_MIN_LEAD = 0.5, 0.15
"""Partner: so large a share of the characters agrees, and by so much more than with any second text. Our own choice:
half of what was heard may be wrong, but no other text comes near."""
MIN_NULL = 50
"""Fewer values of other transcripts are no null. Our own choice: its hundredth part would be half a value."""
SURE_BESIDE = 0.99
"""Probability from which a recording of a small set counts as mismatched by what was measured elsewhere. Our own
choice: other recordings may be worse than those that were measured, so one in a hundred instead of one in two."""
MOST_SAMPLED = 0.95
"""Share of the clips from which on the few that were not sampled are judged along with the others. Our own choice: a
twentieth of a set of 1,000 is too few for a verdict of its own."""

# speech: when planted faults show what a fault looks like, and which recordings break off.
MIN_PLANTED = 30
"""Fewer planted faults do not show what a fault looks like. Our own choice: as few as a kernel makes a curve of."""
FAULT_MIN_EFFECT = 1.0
"""Nat by which a planted fault must make things worse. Our own choice: Bayes factors below e say nothing."""
FAULT_MIN_SEEN = 0.3
"""Share of the planted faults that must have had an effect; else the model cannot tell. Our own choice: as the hit
rate."""
FAULT_MIN_HIT_RATE = 0.3
"""Share of the set's own pairs that must look better than nine of ten planted faults; else the model cannot tell. Our
own choice: three times chance."""
FAULT_HIT_QUANTILE = 0.1
"""Quantile of the planted faults that a sound pair must look better than for that share. Our own choice: one in ten by
chance."""
SLOPE_MIN_ROWS = 10
"""Sound rows below which the length of a text is not allowed for. Our own choice: a slope of fewer is too uncertain."""
SLOPE_MIN_VARIANCE = 0.04
"""Variance of the logarithm of the length, likewise. Our own choice: lengths that differ by a fifth say nothing."""
USUAL_END = 0.9
"""Share of the set's recordings that end more quietly than one that breaks off. Our own choice: one in ten ends loudly
by nature."""
FADED_LEVEL = -20.0
"""Level (dB) below which no end breaks off, however quietly the others end. Our own choice: an audible tenth of the
amplitude."""
LOUD_END = -6.0
"""Level (dB) of the set's own ends from which on breaking off says nothing. Our own choice: recordings cut tightly
around the words end at half their amplitude."""

# caption: what is said of words, languages and the model.
SIGN_FIRES = 0.5
"""Value from which a sign is named. Our own choice: halfway from none at all to a sure one."""
LANGUAGE_MIN_PAIRS = 20
"""Captions of a language below which the language is not judged. Our own choice: a mean of fewer is too uncertain."""
FOREIGN_FIT = 0.5
"""Share of the set's mean fit below which, by two standard errors, captions of a language are foreign to the model. Our
own choice: half."""
EMPTY_WORDED = 0.5
"""Vagueness of the words from which a caption says nothing of its language. Our own choice: the middle."""
SURE_LANGUAGE = 0.8
"""Probability from which a guessed language counts. Our own choice: a wrong guess would call a sound caption
foreign."""
WEAK_TRUST = 0.5
"""Trust below which the summary says that the model tells captions apart poorly. Our own choice: the middle."""

# consistency: how many pairs it takes.
BREADTH_NEIGHBOURS = 10
"""Like images that a caption is held against. Our own choice: as analyses.alignment.neighbours."""
BREADTH_MIN_PAIRS = 50
"""Fewer pairs are not compared. Our own choice: ten neighbours would be a fifth of the set."""
SCALE_MIN_PAIRS = 20
"""Fewer pairs give no scale. Our own choice: with eight shifts they give 160 random pairs."""

# duplicates: what the same image or recording may differ in, beside the limits of the config.
LEAST_FIELD_SPREAD = 3.0
"""Levels by which an image's fields must differ for its colours to say something. Measured: of 117 photographs the
evenest has 4.2, a small object on an even ground under 1."""
EVENED_LEVELS = (0.75, 1.0 / 0.75)
"""Brightness that is evened out before colours are compared. Our own choice: more is another picture, taken in other
light."""
SURE_SIMILARITY, SURE_BITS = 5.0, 2
"""Part of the config's distance within which a cosine is surely that of the same image, and times the config's bits
that may then differ. Our own choice: a crop moves bits, not the cosine."""
ALTERED_SIMILARITY = 2.0
"""Times the config's distance by which the cosine of a mirrored, bordered or captioned copy may differ. Our own choice:
a border moves what a model sees."""
DURATION_SHARE = 0.02
"""Share of its duration by which the same recording may be longer. Our own choice: coders pad, resamplers round."""
