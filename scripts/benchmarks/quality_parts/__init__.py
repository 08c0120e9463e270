"""Parts of `scripts/bench quality`: fresh synthetic pairs, planted faults, baselines, figures and tables."""
