"""Layouts of speech corpora: each file reads one and writes it back."""
