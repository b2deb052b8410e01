"""Trains Trident's models: from data sets to SavedModels with cards in `models/`."""
