"""Material of the chapters and labs on video recommendation."""
