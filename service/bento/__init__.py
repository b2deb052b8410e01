"""What knows BentoML: its process, its workers, its endpoints."""
