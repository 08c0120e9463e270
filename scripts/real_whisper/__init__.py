"""Real Whisper weights for checks: which files, where they come from, and the same in the other format."""
