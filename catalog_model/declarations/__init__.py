"""Access patterns as data: each declares its requests, its costs and its terms."""
