"""How versions come and go while requests are answered, in all workers at the same moment."""
