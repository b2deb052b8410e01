"""How much a classifier of pictures stands: attacks, damage, and training against attacks."""
