"""Image files with odd metadata or damage, together with good ones in one request."""

import grpc
import httpx
import numpy as np

from service.api.trident import inference_pb2 as messages
from service.api.trident.inference_pb2_grpc import InferenceStub
from service.tasks.preprocessing.images import FORMATS
from tests.service.drawings import grey, handwritten
from tests.service.tasks.metadata_fuzz import MetadataFuzz

PICTURE = grey(handwritten("5", 40)[:30])
BATCH = 20


def test_odd_files_are_answered_beside_sound_ones(
    http: httpx.Client, stub: InferenceStub, seven: bytes
) -> None:
    for seed, file_format in enumerate(FORMATS):
        odd = list(MetadataFuzz(PICTURE, seed).files(file_format, 60))
        for at in range(0, len(odd), BATCH):
            batch = [*odd[at : at + BATCH], seven]
            posted = http.post("/classify", files=[("images", data) for data in batch])
            assert posted.status_code == 200, posted.text
            assert all("label" in answer for answer in posted.json())
            assert posted.json()[-1]["label"] == "7"
            called = stub.Classify(messages.ClassifyRequest(images=batch))
            assert all(result.HasField("classification") for result in called.results)


def test_a_damaged_file_fails_alone(http: httpx.Client, stub: InferenceStub, seven: bytes) -> None:
    rng = np.random.default_rng(0)
    for seed, file_format in enumerate(FORMATS):
        batch = [seven]
        for data in MetadataFuzz(PICTURE, seed).files(file_format, BATCH):
            damaged = bytearray(data)
            damaged[int(rng.integers(8, len(data)))] ^= 0xFF
            batch.append(bytes(damaged))
        for path in ("/classify", "/embed"):
            answers = http.post(path, files=[("images", data) for data in batch]).json()
            assert {answer.get("status") for answer in answers} <= {None, 413, 422}
            assert "status" not in answers[0]
        results = stub.Classify(messages.ClassifyRequest(images=batch)).results
        refusals = {r.error.code for r in results if r.HasField("error")}
        assert refusals <= {grpc.StatusCode.INVALID_ARGUMENT.value[0]}
