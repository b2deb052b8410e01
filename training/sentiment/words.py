"""Text to words, with TensorFlow's string operations, so that it is part of the graph."""

from collections.abc import Sequence

import tensorflow as tf

TAG = "</?[a-z][^<>]*>"
SENTENCE_END = "([.;:!?])[.;:!? ]*"
"""Of several marks in a row only the first counts."""

BETWEEN_WORDS = r"(?:[^\pL\pN'.;:!?]|\B'|'\B|'s\b)+"
"""All but letters and digits, quotation marks, and the s of a possessive."""


def split_words(texts: tf.Tensor | Sequence[str]) -> tf.RaggedTensor:
    """The words of texts, lower-case, and the marks that end sentences: string [n, None].

    "Isn't it GREAT?!<br />Ada's film" becomes isn't, it, great, ?, ada, film.
    """
    texts = tf.strings.lower(texts, encoding="utf-8")
    texts = tf.strings.regex_replace(texts, "\u2019", "'")
    texts = tf.strings.regex_replace(texts, TAG, " . ")
    texts = tf.strings.regex_replace(texts, BETWEEN_WORDS, " ")
    texts = tf.strings.regex_replace(texts, SENTENCE_END, r" \1 ")
    return tf.strings.split(texts)
