"""The command line; `catalog_model.cli.program` is its root."""
