"""A limit learned from what people decided."""
