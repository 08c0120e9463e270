"""``mmcheck repair``: which text belongs to which image or recording."""
