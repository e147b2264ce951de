"""Lengths of time in seconds, which is what every clock of the course counts in."""

HOUR = 3_600
DAY = 86_400
