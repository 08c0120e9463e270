"""Layouts of image-caption datasets: one file each."""
