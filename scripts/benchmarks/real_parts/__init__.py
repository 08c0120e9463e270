"""Parts of `scripts/bench real`: real recordings and vectors, planted faults, kept results of models, tables."""
