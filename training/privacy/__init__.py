"""What a trained model tells about its training examples: how to limit it, how to measure it."""
