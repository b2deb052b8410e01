"""What raises a model's quality: one change at a time against a plain training."""
