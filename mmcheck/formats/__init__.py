"""Manifest formats: one file each, how it is recognised, read and written back."""
