"""What the scripts that train the bundled speech models share."""
