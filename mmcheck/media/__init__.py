"""Bytes at a URI become an image or a waveform; only MediaError leaves."""
