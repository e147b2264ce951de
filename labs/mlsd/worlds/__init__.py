"""Simulated worlds: each knows how its users really behave, and shows the reader only logs."""

from mlsd.worlds.ad_click import AdClickConfig, AdClickWorld

__all__ = ["AdClickConfig", "AdClickWorld"]
