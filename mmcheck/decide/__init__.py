"""Judging a stored run: verdicts, manifests written, summary."""
