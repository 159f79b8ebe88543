"""The one table: its keys, its indexes, its items and the plans of its writes."""
