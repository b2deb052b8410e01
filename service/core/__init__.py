"""What Trident does, without a protocol: no HTTP, no gRPC, no BentoML in here."""
