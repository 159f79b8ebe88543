"""The catalogue's vocabulary and rules: kinds, genres, and the fields of a record."""
