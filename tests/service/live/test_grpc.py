"""gRPC, by the project's own generated client: answers, errors, health and reflection."""

from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.json_format import MessageToDict
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from service.api.trident import inference_pb2 as messages
from service.api.trident.grpc import METHODS
from service.api.trident.inference_pb2_grpc import InferenceStub
from tests.service.drawings import encode, grey, handwritten
from tests.service.live.answers import base64_text, same
from tests.service.live.conftest import MAX_BODY_BYTES, MAX_INPUTS
from tests.service.live.grpc_client import inference_stub
from tests.service.live.test_http_errors import gif_bomb, png_bomb
from tests.service.live_server import LiveServer

SERVICE = "trident.v1.Inference"
IMAGE = encode(grey(handwritten("7")))
OTHER = encode(grey(handwritten("3"), paper=0, pen=255), "JPEG")
BLANK = encode(grey(handwritten("7") * 0))
TEXTS = ["A wonderful film, I loved it.", "Dull and far too long.", "fine " * 1000]


def _fields(message: Any) -> dict[str, Any]:
    return dict(
        MessageToDict(
            message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
    )


def test_classify_answers_as_http_does(stub: InferenceStub, http: httpx.Client) -> None:
    response = stub.Classify(messages.ClassifyRequest(images=[IMAGE, OTHER]))
    by_http = http.post("/classify", json={"images": [base64_text(d) for d in (IMAGE, OTHER)]})
    for result, expected in zip(response.results, by_http.json(), strict=True):
        assert (expected.pop("model"), expected.pop("version")) == ("digits", 1)
        assert same(_fields(result.classification), expected)
    assert (response.model.name, response.model.version) == ("digits", 1)


def test_sentiment_answers_as_http_does(stub: InferenceStub, http: httpx.Client) -> None:
    response = stub.Sentiment(messages.SentimentRequest(texts=TEXTS))
    by_http = http.post("/sentiment", json={"texts": TEXTS}).json()
    for result, expected in zip(response.results, by_http, strict=True):
        assert (expected.pop("model"), expected.pop("version")) == ("sentiment", 1)
        assert same(_fields(result.sentiment), expected)
    assert [result.sentiment.truncated for result in response.results] == [False, False, True]


def test_embed_answers_as_http_does(stub: InferenceStub, http: httpx.Client) -> None:
    (result,) = stub.Embed(messages.EmbedRequest(images=[IMAGE])).results
    expected = http.post("/embed", json={"image": base64_text(IMAGE)}).json()
    assert len(result.embedding.values) == expected["dimensions"]
    assert same(list(result.embedding.values), expected["embedding"])
    assert same(result.embedding.reconstruction_error, expected["reconstruction_error"])


def test_an_answer_says_where_the_time_went(stub: InferenceStub) -> None:
    timing = stub.Classify(messages.ClassifyRequest(images=[IMAGE])).timing
    assert timing.decode_ms > 0
    assert timing.queue_ms > 0
    assert timing.inference_ms > 0


def test_the_caller_chooses_the_model_and_its_version(stub: InferenceStub) -> None:
    for chosen, version in ((0, 2), (1, 1), (2, 2)):
        model = messages.ModelChoice(name="tint", version=chosen)
        response = stub.Classify(messages.ClassifyRequest(images=[IMAGE], model=model))
        assert (response.model.name, response.model.version) == ("tint", version)


def _classify(*images: bytes, name: str = "", version: int = 0) -> messages.ClassifyRequest:
    choice = messages.ModelChoice(name=name, version=version)
    return messages.ClassifyRequest(images=images, model=choice)


INVALID, UNKNOWN = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
BAD_REQUESTS = {
    "no image": (_classify(), INVALID, "no input"),
    "no text": (messages.SentimentRequest(), INVALID, "no input"),
    "nothing to embed": (messages.EmbedRequest(), INVALID, "no input"),
    "empty image": (_classify(b""), INVALID, "image"),
    "truncated PNG": (_classify(IMAGE[:-60]), INVALID, "truncated"),
    "text as an image": (_classify(b"some words" * 9), INVALID, "PNG, JPEG"),
    "blank image": (_classify(BLANK), INVALID, "blank"),
    "empty text": (messages.SentimentRequest(texts=[" "]), INVALID, "empty"),
    "PNG bomb": (_classify(png_bomb(8192)), INVALID, "8192x8192"),
    "GIF bomb": (messages.EmbedRequest(images=[gif_bomb()]), INVALID, "too many pixels"),
    "too many images": (_classify(*[IMAGE] * (MAX_INPUTS + 1)), INVALID, str(MAX_INPUTS)),
    "unknown model": (_classify(IMAGE, name="nobody"), UNKNOWN, "digits/1"),
    "unknown version": (_classify(IMAGE, name="digits", version=99), UNKNOWN, "digits/1"),
    "version below 0": (_classify(IMAGE, version=-1), UNKNOWN, "digits/1"),
    "another task's model": (_classify(IMAGE, name="sentiment"), UNKNOWN, "digits/1"),
}


def _call(stub: InferenceStub, request: Any, **options: Any) -> Any:
    name = type(request).__name__.removesuffix("Request")
    return getattr(stub, name)(request, **options)


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_a_bad_request_gets_a_code_and_a_sentence(stub: InferenceStub, name: str) -> None:
    request, code, sentence = BAD_REQUESTS[name]
    with pytest.raises(grpc.RpcError) as caught:
        _call(stub, request)
    details = caught.value.details() or ""
    assert caught.value.code() is code
    assert sentence in details
    assert details.endswith(".")
    assert "Traceback" not in details


def test_one_bad_image_among_good_ones_fails_alone(stub: InferenceStub) -> None:
    results = stub.Classify(_classify(IMAGE, b"words" * 9, IMAGE, BLANK)).results
    outcomes = [result.WhichOneof("outcome") for result in results]
    assert outcomes == ["classification", "error", "classification", "error"]
    assert {results[1].error.code, results[3].error.code} == {INVALID.value[0]}
    assert results[3].error.message.startswith("The image is blank")
    assert results[0].classification == results[2].classification


def test_one_bad_text_among_good_ones_fails_alone(stub: InferenceStub) -> None:
    results = stub.Sentiment(messages.SentimentRequest(texts=["fine", ""])).results
    assert [result.WhichOneof("outcome") for result in results] == ["sentiment", "error"]


def test_one_bad_image_to_embed_fails_alone(stub: InferenceStub) -> None:
    results = stub.Embed(messages.EmbedRequest(images=[b"", IMAGE])).results
    assert [result.WhichOneof("outcome") for result in results] == ["error", "embedding"]


def test_an_oversized_message_is_refused(stub: InferenceStub) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.Classify(_classify(bytes(MAX_BODY_BYTES)))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert stub.Classify(_classify(IMAGE)).results[0].HasField("classification")


def test_health_says_serving(channel: grpc.Channel) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    for service in ("", SERVICE):
        response = health.Check(health_pb2.HealthCheckRequest(service=service))
        assert response.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError) as caught:
        health.Check(health_pb2.HealthCheckRequest(service="nobody"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_reflection_tells_the_services_and_their_messages(channel: grpc.Channel) -> None:
    database = ProtoReflectionDescriptorDatabase(channel)
    assert {SERVICE, "grpc.health.v1.Health"} <= set(database.get_services())
    file = database.FindFileContainingSymbol(SERVICE)
    (service,) = file.service
    assert [method.name for method in service.method] == [
        *("Classify", "Sentiment", "Embed", "Generate", "Predict")
    ]


async def test_the_asynchronous_client_works_too(server: LiveServer) -> None:
    async with grpc.aio.insecure_channel(server.grpc_target) as channel:
        stub = inference_stub(channel)
        calls = [stub.Sentiment(messages.SentimentRequest(texts=[text])) for text in TEXTS]
        answers = [(await call).results[0].sentiment for call in calls]
        together = (await stub.Sentiment(messages.SentimentRequest(texts=TEXTS))).results
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Embed(messages.EmbedRequest(images=[b"x"]))
    for alone, result in zip(answers, together, strict=True):
        assert same(_fields(alone), _fields(result.sentiment))
    assert caught.value.code() is INVALID


def test_a_text_that_is_not_utf8_is_an_invalid_argument(channel: grpc.Channel) -> None:
    call: Any = channel.unary_unary(f"/{SERVICE}/Sentiment", None, None)
    with pytest.raises(grpc.RpcError) as caught:
        call(b"\x0a\x04caf\xe9")  # field 1, four bytes of Latin-1
    assert caught.value.code() is INVALID
    assert "<class" not in str(caught.value.details())


def test_every_call_of_the_proto_is_answered() -> None:
    described = messages.DESCRIPTOR.services_by_name["Inference"].methods_by_name
    assert set(METHODS) == set(described)
