"""Near-duplicate images, recordings, texts and pairs."""
