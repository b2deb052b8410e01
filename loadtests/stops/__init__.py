"""What a stop of the service costs its callers: requests that were sent and never answered."""
