"""The application's files and the sample data."""
