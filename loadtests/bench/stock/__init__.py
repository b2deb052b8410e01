"""A stock BentoML service of the same three models, to compare with."""
