"""Work on whole tables: verify, repair and migrate."""
