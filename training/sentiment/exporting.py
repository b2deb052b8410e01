"""The trained network and its vectorizer as a SavedModel with three signatures."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from training import export, golden
from training.sentiment.examples import MAX_TOKENS, cut
from training.sentiment.model import TrainedNetwork
from training.sentiment.vectorizer import Vectorizer, head_and_tail
from training.sentiment.vocabulary import PADDING

TEXTS = tf.TensorSpec([None], tf.string, "text")
TOKEN_IDS = tf.TensorSpec([None, None], tf.int32, "token_ids")


def export_network(
    network: TrainedNetwork, vectorizer: Vectorizer, folder: Path, texts: Sequence[str]
) -> None:
    """Write the SavedModel into `folder`, with `texts` as golden inputs.

    Raises:
        ExportError: its answers differ from the trained network's.
    """

    def vectorize(text: tf.Tensor) -> dict[str, tf.Tensor]:
        token_ids, counts = vectorizer.token_ids(text)
        shortened = head_and_tail(token_ids, counts, MAX_TOKENS)
        return {"token_ids": shortened, "token_count": counts}

    def tokens(token_ids: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": network(token_ids)}

    def serve(text: tf.Tensor) -> dict[str, tf.Tensor]:
        return tokens(vectorize(text)["token_ids"])

    signatures = {
        "serving_default": tf.function(serve, input_signature=[TEXTS]),
        "tokens": tf.function(tokens, input_signature=[TOKEN_IDS]),
        "vectorize": tf.function(vectorize, input_signature=[TEXTS]),
    }
    export.save(folder, signatures, network.variables, vectorizer.tables)
    golden.write(folder, _examples(network, vectorizer, texts))


def _examples(
    network: TrainedNetwork, vectorizer: Vectorizer, texts: Sequence[str]
) -> list[export.Example]:
    rows = vectorizer.all_token_ids(texts)
    counts = np.array([len(row) for row in rows], np.int32)
    token_ids = keras.utils.pad_sequences(cut(rows), padding="post", value=PADDING)
    given = {"text": np.array([text.encode() for text in texts])}
    answers = {"probabilities": network(token_ids).numpy()}
    vectorized = {"token_ids": token_ids, "token_count": counts}
    return [
        export.Example("serving_default", given, answers),
        export.Example("tokens", {"token_ids": token_ids}, answers),
        export.Example("vectorize", given, vectorized),
    ]
