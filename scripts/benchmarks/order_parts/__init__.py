"""Parts of the bench `order`."""
