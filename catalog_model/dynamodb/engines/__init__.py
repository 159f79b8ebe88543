"""Engines on this machine: dynoxide, moto and what starts them."""
