"""Making of the bundled tiny Whisper: corpus, vocabulary, training, evaluation, export."""
