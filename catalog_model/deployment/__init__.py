"""A table as it is deployed, independent of the catalogue."""
