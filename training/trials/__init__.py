"""Short trainings with other settings, on a part of the data: what `tune` and `compare` share."""
