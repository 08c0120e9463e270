"""Probes: each measures one aspect of a batch of samples and decides nothing."""
