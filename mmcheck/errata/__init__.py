"""Errata: removals and corrections that travel without the data, and mend anybody's copy of a set."""
