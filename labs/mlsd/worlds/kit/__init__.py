"""What every world shares; nothing here is about one case."""
