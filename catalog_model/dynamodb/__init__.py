"""DynamoDB from the client's side, independent of the catalogue: requests, retries, capacity."""
