"""DynamoDB as a client sees it: requests, retries, capacity, limits. It knows no movie."""
