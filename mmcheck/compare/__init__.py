"""What a new version of the data, or of the config, changed: two finished runs held against each other."""
