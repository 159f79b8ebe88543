"""A table as it is deployed: its settings, apart from keys and indexes, and their changes."""
