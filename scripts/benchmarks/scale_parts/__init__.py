"""Parts of the scale bench."""
