"""``mmcheck overlap``: which rows of one set occur in another."""
