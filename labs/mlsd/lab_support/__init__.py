"""What labs deploy: their worlds, baselines and helpers, one package per case."""
