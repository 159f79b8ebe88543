"""The access patterns that read."""
