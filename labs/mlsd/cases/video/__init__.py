"""Video recommendation: what its rungs are and how its ladder is shown."""
