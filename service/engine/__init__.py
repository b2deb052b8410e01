"""What is served: the models on disk, their queues, and the one way through them."""
