"""The run folder: samples, measurements, verdicts, resume, provenance."""
