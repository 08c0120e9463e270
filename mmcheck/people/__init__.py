"""What people decided about rows: the records, the log that keeps them, and what several people say together."""
