"""DynamoDB from the client's side: requests, retries, capacity and limits. No catalogue."""
