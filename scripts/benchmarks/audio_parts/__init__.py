"""Parts of the bench of audio-transcript pairs."""
