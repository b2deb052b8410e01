"""What is served: the models on disk, their queues, and the path of a request through them."""
