"""The synthetic worlds that the bundled models are trained on and that the demo data are drawn from."""
