"""The parts of train_tiny_clip.py: tokenizer, picture pool, batches, loop, evaluation and export."""
