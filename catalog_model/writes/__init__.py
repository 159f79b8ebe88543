"""The access patterns that write."""
