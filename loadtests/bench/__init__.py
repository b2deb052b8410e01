"""The benchmark, `make bench`: Trident against stock BentoML and against no server at all."""
