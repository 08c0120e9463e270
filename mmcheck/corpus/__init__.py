"""Analyses that need the whole set."""
