"""All that depends on BentoML: its processes, its workers, its endpoints."""
