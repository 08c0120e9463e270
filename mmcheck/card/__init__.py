"""What a cleaned set says of itself when it is published: Croissant metadata and a dataset card."""
