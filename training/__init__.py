"""Trains Trident's models: data sets in, SavedModels with their cards in `models/` out."""
