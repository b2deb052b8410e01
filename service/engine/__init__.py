"""What is served: the models on disk, their queues, and the way of every request through them."""
