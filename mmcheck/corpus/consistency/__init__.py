"""Do like images have like captions, and like recordings like transcripts."""
