"""Which fault a transcript has, against faults planted in the set itself."""
