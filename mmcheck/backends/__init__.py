"""The only files that import open_clip, transformers, ctranslate2 and faster_whisper, and where weights are found."""
