"""Checks that every module may use: values of other libraries, JSON and its depth."""
