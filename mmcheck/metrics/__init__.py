"""Pure functions on text and numbers; no model, no file."""
