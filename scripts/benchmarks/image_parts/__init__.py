"""The parts of the image-caption benchmark: data, weights, and one worker a contestant."""
