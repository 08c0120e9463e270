"""The review: a local page on which people look at pairs of a run and decide."""
