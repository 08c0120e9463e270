"""``mmcheck export``: the rows of a finished run in the form that a trainer reads."""
