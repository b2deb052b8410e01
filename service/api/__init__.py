"""What callers see: endpoints, how their requests are read, how answers and errors look."""
