"""Does a caption say anything that other images do not show."""
