"""Running a model's signatures on arrays."""
