"""How far people agree who looked at the same rows."""
