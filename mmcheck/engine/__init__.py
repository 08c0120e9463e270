"""Engines run the same shard task in different places."""
