"""Classifiers of small pictures: one way to train and to measure them all."""
