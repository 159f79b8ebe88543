"""Requests to DynamoDB from an event loop, by the same exchanges as from threads."""
