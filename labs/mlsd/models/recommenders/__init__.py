"""Recommenders that learn from who chose what; `mlsd.models` offers them by name."""
