"""Engines on this machine: dynoxide, moto, and the programs that start them."""
