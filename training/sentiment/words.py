"""Text to words, with TensorFlow's string operations, so that it is part of the graph."""

from collections.abc import Sequence

import tensorflow as tf

TAG = "</?[a-z][^<>]*>"
SENTENCE_END = "([.;:!?])[.;:!? ]*"
"""Of several marks in a row only the first counts."""

BETWEEN_WORDS = r"(?:[^\pL\pN'.;:!?]|\B'|'\B|'s\b)+"
"""All but letters and digits, quotation marks, and the s of a possessive."""

NO_APOSTROPHE = (
    r"\b(is|are|was|were|do|does|did|have|has|had|ca|wo|would|could|should|must|need|ai)nt\b"
)
"""As many type "isn't"."""

ACCENTS = {
    "a": "[\u00e0-\u00e5]", "c": "\u00e7", "e": "[\u00e8-\u00eb]", "i": "[\u00ec-\u00ef]",
    "n": "\u00f1", "o": "[\u00f2-\u00f6\u00f8]", "u": "[\u00f9-\u00fc]",
}  # fmt: skip
"""Letters and what is read like them, since English words have no accents, or may have none."""


def split_words(texts: tf.Tensor | Sequence[str]) -> tf.RaggedTensor:
    """The words of texts, lower-case, and the marks that end sentences: string [n, None].

    "Isnt it GREAT?!<br />Ada's film" becomes isn't, it, great, ?, ada, film.
    """
    texts = tf.strings.lower(texts, encoding="utf-8")
    texts = tf.strings.regex_replace(texts, "\u2019", "'")
    texts = tf.strings.regex_replace(texts, NO_APOSTROPHE, r"\1n't")
    for letter, accented in ACCENTS.items():
        texts = tf.strings.regex_replace(texts, accented, letter)
    texts = tf.strings.regex_replace(texts, TAG, " . ")
    texts = tf.strings.regex_replace(texts, BETWEEN_WORDS, " ")
    texts = tf.strings.regex_replace(texts, SENTENCE_END, r" \1 ")
    return tf.strings.split(texts)
