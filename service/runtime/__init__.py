"""Running arrays through a model's signatures."""
