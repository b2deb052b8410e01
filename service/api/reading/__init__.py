"""How the inputs of a request are read from its body."""
