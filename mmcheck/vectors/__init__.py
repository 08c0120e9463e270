"""Vectors and scores that people already have, read from their files without a model and without pickle."""
