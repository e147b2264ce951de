"""Simulated worlds: each knows how its users really behave, and shows the reader only logs."""
