"""``mmcheck coverage``: what a set holds, and what it lacks."""
