"""Serving a home feed: sources of candidates, a ranker, a page of videos with their reasons."""
