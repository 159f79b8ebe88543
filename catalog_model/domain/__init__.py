"""The catalogue's words and rules: kinds, genres, the fields of a record."""
