"""Offline analysis of the declarations: costs, policies, explanations."""
