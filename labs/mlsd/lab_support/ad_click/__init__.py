"""Worlds and policies of the ad click labs."""
