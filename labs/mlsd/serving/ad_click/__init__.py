"""Serving an ad market: its feature tables."""
