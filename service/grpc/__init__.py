"""The gRPC adapter: `trident.v1.Inference`, health and reflection on a port of its own."""
