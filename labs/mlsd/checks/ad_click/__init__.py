"""Checks of the labs on ad click prediction."""
