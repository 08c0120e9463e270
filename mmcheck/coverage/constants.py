"""Limits that decide what coverage calls a cluster, missing, over-represented or lonely."""

from __future__ import annotations

# Clusters.
MIN_CLUSTERS, MAX_CLUSTERS = 2, 100
"""Bounds of the number of clusters that is chosen by the size of the set. Our own choice: more than a hundred nobody
reads."""
RADIUS_QUANTILE = 0.95
"""Share of a cluster's rows that its radius holds. Our own choice: without the few that lie apart."""
MIN_ROWS = 10
"""Rows below which nothing is clustered. Our own choice: there is nothing to see."""
NEAR_EMPTY = 0.1
"""Share of the mean size below which a cluster is nearly empty. Our own choice: a tenth."""
SPREAD_DEVIATIONS, SPREAD_FACTOR = 3.5, 1.15
"""Robust deviations, and times the median, by which a cluster must be wider than the others to be told. Our own choice:
3.5 is the usual cut for outliers (Iglewicz and Hoaglin, 1993); less than 15 % nobody sees."""
LONELY_NEIGHBOUR = 5
"""Neighbour whose distance says how lonely a row is. Our own choice: pairs and triples of copies are lonely too."""
LONELY_DEVIATIONS = 3.5
"""Robust deviations from which a row is lonely. Taken from Iglewicz and Hoaglin (1993), the usual cut for outliers."""

# What one set lacks that another has, and what is told of a cluster.
MISSING, OVER = 0.2, 1 / 3
"""Share of the expected rows from which a cluster is missing, and from which it is over-represented in the other set.
Our own choice: a fifth, and a third."""
CONTRAST_CHANCE = 0.001
"""Probability of such a difference by chance, shared out over the clusters. Our own choice: one false word in a
thousand comparisons."""
TOLD_CHANCE = 0.01
"""Probability by chance, shared out over the clusters, below which a difference is reported. Our own choice: one false
sentence in a hundred pages."""
WORTH_NAMING = 1.5
"""Times the share of the whole set from which a cluster's share is reported. Our own choice: less is of no use."""
WORD_MIN_SHARE = 0.1
"""Share of a cluster's texts that must have a word for it to describe the cluster. Our own choice: a rarer word
describes a corner of it."""
WORD_MIN_LIFT = 1.3
"""Times as common as elsewhere that such a word must be. Our own choice: less is no difference."""
