"""Checks of the labs on video recommendation."""
