"""What every world shares and none of which is about one case."""
