"""Faults for tests: throttling, lost answers, lagging copies."""
