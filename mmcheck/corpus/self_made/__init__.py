"""Transcripts that the judging model wrote itself."""
