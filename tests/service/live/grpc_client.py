"""The project's own generated client, with a type."""

import grpc

from service.api.trident.inference_pb2_grpc import InferenceStub


def inference_stub(channel: grpc.Channel | grpc.aio.Channel) -> InferenceStub:
    """Return a client on a channel, of the blocking or the asynchronous kind."""
    return InferenceStub(channel)  # type: ignore[no-untyped-call]
