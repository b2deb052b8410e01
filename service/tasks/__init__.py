"""The kinds of models: what is made of an input, and of what the model returns."""
