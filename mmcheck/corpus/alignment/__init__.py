"""Is a pair a random pairing, against re-pairings of the set's own halves."""
