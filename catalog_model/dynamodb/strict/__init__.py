"""The rules of DynamoDB that lenient engines do not enforce."""
