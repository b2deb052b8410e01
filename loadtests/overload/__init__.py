"""What becomes of a server that gets more requests than it can answer."""
