"""Coverage-guided fuzzing of all parsers of foreign bytes; ``make fuzz`` runs it."""
