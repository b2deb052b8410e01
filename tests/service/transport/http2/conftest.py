"""HTTP/2 is spoken to by way of the small gRPC server: its methods are what answers requests."""

from tests.service.transport.grpc.conftest import event_loop_policy, impatient, small, wire

__all__ = ["event_loop_policy", "impatient", "small", "wire"]
