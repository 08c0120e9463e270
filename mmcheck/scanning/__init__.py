"""Scanning: plan, measure, analyse, judge; the one place where probes, media and formats meet."""
