"""The single table: its keys, indexes and items, and the plans of its writes."""
