"""Single rows of a finished run: the worst ones, and one row's whole story."""
