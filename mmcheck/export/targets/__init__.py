"""What can be exported to: one file each."""
