"""The same three models behind stock BentoML, with adaptive batching as its documentation shows.

`bentoml serve service:Stock` in this folder; STOCK_MODELS names the folder of the models.
"""

import json
import os
from pathlib import Path
from typing import Any

import bentoml
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL.Image import Image

MODELS = Path(os.environ["STOCK_MODELS"])


def load(name: str) -> tuple[Any, dict[str, Any]]:
    """Return a model's newest version and its card."""
    versions = [folder for folder in (MODELS / name).iterdir() if folder.name.isdecimal()]
    folder = max(versions, key=lambda version: int(version.name))
    return tf.saved_model.load(str(folder)), json.loads((folder / "model.json").read_bytes())


def to_batch(images: list[Image]) -> Any:
    """Return images as a tensor, uint8 [n, 28, 28, 1]."""
    small = [np.asarray(image.convert("L").resize((28, 28))) for image in images]
    return tf.constant(np.stack(small)[..., None])


@bentoml.service
class Stock:
    """Three Keras models behind stock BentoML."""

    def __init__(self) -> None:
        self.digits, self.digits_card = load("digits")
        self.sentiment_model, self.sentiment_card = load("sentiment")
        self.embedding, _ = load("embedding")
        self.max_tokens = self.sentiment_card["preprocessing"]["max_tokens"]

    @bentoml.api(batchable=True)  # type: ignore[untyped-decorator]
    def classify(self, images: list[Image]) -> list[dict[str, Any]]:
        """Tell which digit each image shows."""
        outputs = self.digits.signatures["serving_default"](image=to_batch(images))
        return name_best(outputs["probabilities"].numpy(), self.digits_card["labels"])

    @bentoml.api(batchable=True)  # type: ignore[untyped-decorator]
    def sentiment(self, texts: list[str]) -> list[dict[str, Any]]:
        """Tell whether each text is positive; all are padded to the same maximum length."""
        signatures = self.sentiment_model.signatures
        token_ids = signatures["vectorize"](text=tf.constant(texts))["token_ids"]
        token_ids = token_ids[:, : self.max_tokens]
        padding = self.max_tokens - tf.shape(token_ids)[1]
        outputs = signatures["tokens"](token_ids=tf.pad(token_ids, [[0, 0], [0, padding]]))
        return name_best(outputs["probabilities"].numpy(), self.sentiment_card["labels"])

    @bentoml.api(batchable=True)  # type: ignore[untyped-decorator]
    def embed(self, images: list[Image]) -> list[dict[str, Any]]:
        """Turn each image into a vector."""
        outputs = self.embedding.signatures["serving_default"](image=to_batch(images))
        vectors, errors = outputs["embedding"].numpy(), outputs["reconstruction_error"].numpy()
        return [
            {"embedding": vector.tolist(), "reconstruction_error": float(error)}
            for vector, error in zip(vectors, errors, strict=True)
        ]


def name_best(probabilities: NDArray[np.float32], labels: list[str]) -> list[dict[str, Any]]:
    """Return the likeliest label of each row and its probability."""
    best = probabilities.argmax(axis=1)
    return [
        {"label": labels[index], "probability": float(row[index])}
        for index, row in zip(best, probabilities, strict=True)
    ]
