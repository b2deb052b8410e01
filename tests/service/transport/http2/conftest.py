"""HTTP/2 is tested through the small gRPC server, whose methods answer the requests."""

from tests.service.transport.grpc.conftest import event_loop_policy, impatient, small, wire

__all__ = ["event_loop_policy", "impatient", "small", "wire"]
