"""Access patterns as data: the requests, costs and words that each declares."""
