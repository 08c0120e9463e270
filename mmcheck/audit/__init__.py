"""The audit: a random sample that people look at, and what it says of the promises that the verdicts make."""
