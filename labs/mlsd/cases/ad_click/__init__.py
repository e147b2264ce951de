"""Ad click prediction: scores of candidates, an auction that ranks them, a world that pays."""
