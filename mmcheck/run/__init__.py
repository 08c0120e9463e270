"""The composition root: the one place where concrete parts meet."""
