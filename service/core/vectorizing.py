"""From texts to token ids, by a signature of the model itself.

The signature makes a matrix as wide as the longest text, and TensorFlow runs one call after the
other. So one very long text among short ones would cost gigabytes, and keep everybody waiting.
Texts of like length share a call, and of a very long one only its start and its end go in.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from service.core.card import TextPreprocessing
from service.core.saved_model import Array

SHORT = 2000
"""Characters up to which texts share a call, however they differ."""

LONG = 8 * 1024
"""Characters up to which a text goes in whole. Of a longer one, so many mostly hold the tokens
that are read."""

LONGEST = 64 * 1024
"""Most characters of a text that go in: these take at most 10 ms."""

_MARGIN = 8
"""Tokens beside a cut that may be wrong: halves of words, or phrases that began before it."""

_CHARACTER_BYTES = 64  # with its share of all tensors: up to 50 were measured
_TOKEN_BYTES = 4
_OBJECT_BYTES = 1024  # three small arrays and what holds them


@dataclass(slots=True)
class Tokens:
    """The tokens of texts: ids int32 [n, any], padded with 0 on the right; counts int [n].

    `truncated`, bool [n], tells which texts have more than is read of them.
    """

    ids: Array
    counts: Array
    truncated: Array


TextRow: TypeAlias = str | Tokens
"""A text of up to `LONG` characters, or the tokens of a longer one."""


class TextVectorizer:
    """Calls the signature `vectorize` of a model, never on much at once."""

    def __init__(
        self,
        vectorize: Callable[[list[str]], dict[str, Array]],
        preprocessing: TextPreprocessing,
    ) -> None:
        """Take the signature, and what the card says of how much it reads."""
        self._vectorize = vectorize
        self._max_tokens = preprocessing.max_tokens
        self._head_tokens = preprocessing.head_tokens

    @property
    def row_bytes(self) -> int:
        """The most bytes that a very long text's tokens take."""
        return _TOKEN_BYTES * self._max_tokens + _OBJECT_BYTES

    @staticmethod
    def long_bytes(text: str) -> int:
        """Return the most bytes that `read_long` takes while it runs, beside the text itself."""
        return _CHARACTER_BYTES * min(len(text), LONGEST)

    def __call__(self, rows: Sequence[TextRow]) -> Tokens:
        """Return the tokens of rows, in their order."""
        short = [row for row in rows if isinstance(row, str) and len(row) <= SHORT]
        if len(short) == len(rows):
            return self._whole(short)
        return self._joined(len(rows), self._groups(rows))

    def read_long(self, text: str) -> Tokens:
        """Return the tokens that are read of a text of any length.

        They are those of the whole text, unless its start or its end has next to no words: 64 of
        the first quarter of `LONGEST` characters or 192 of the rest, for the shipped model.
        A model whose card doesn't say which tokens it reads is given the first `LONGEST`.
        """
        if self._head_tokens is None:
            return self._alone(text[:LONGEST], cut=len(text) > LONGEST)
        head, tail = self._ends(text, LONG, self._head_tokens)
        tokens = self._head_and_tail(head, tail, self._head_tokens)
        if tokens is not None:
            return tokens
        if len(text) <= LONGEST:
            return self._alone(text, cut=False)
        head, tail = self._ends(text, LONGEST, self._head_tokens)
        tokens = self._head_and_tail(head, tail, self._head_tokens)
        return self._alone(_closed_up(head, tail), cut=True) if tokens is None else tokens

    def _whole(self, texts: list[str]) -> Tokens:
        vectors = self._vectorize(texts)
        counts = vectors["token_count"]
        return Tokens(vectors["token_ids"], counts, counts > self._max_tokens)

    def _alone(self, text: str, *, cut: bool) -> Tokens:
        """Return a text's tokens, copied so that they don't keep those that aren't read."""
        tokens = self._whole([text])
        ids = tokens.ids[:, : self._max_tokens].copy()
        return Tokens(ids, tokens.counts, tokens.truncated | cut)

    def _groups(self, rows: Sequence[TextRow]) -> Iterator[tuple[list[int], Tokens]]:
        """Yield rows of like length, by their indexes, and their tokens."""
        short: list[int] = []
        longer: list[int] = []
        for index, row in enumerate(rows):
            if isinstance(row, Tokens):
                yield [index], row
            else:
                (short if len(row) <= SHORT else longer).append(index)
        for group in filter(None, (short, longer)):
            yield group, self._whole([str(rows[index]) for index in group])

    def _joined(self, count: int, groups: Iterator[tuple[list[int], Tokens]]) -> Tokens:
        ids = np.zeros((count, self._max_tokens), dtype=np.int32)
        counts = np.zeros(count, dtype=np.int32)
        truncated = np.zeros(count, dtype=np.bool_)
        for members, tokens in groups:
            width = min(self._max_tokens, tokens.ids.shape[1])
            ids[members, :width] = tokens.ids[:, :width]
            counts[members] = tokens.counts
            truncated[members] = tokens.truncated
        return Tokens(ids, counts, truncated)

    def _ends(self, text: str, characters: int, head_tokens: int) -> tuple[str, str]:
        """Return the start and the end of a text, so many characters of both together."""
        first = characters * head_tokens // self._max_tokens
        return text[:first], text[len(text) - (characters - first) :]

    def _head_and_tail(self, head: str, tail: str, head_tokens: int) -> Tokens | None:
        """Return the tokens that are read of a text that starts and ends so.

        None if these don't hold enough of them.
        """
        wanted = (head_tokens, self._max_tokens - head_tokens)
        vectors = self._vectorize([_without_open_tag(head), _without_closed_tag(tail)])
        ids, counts = vectors["token_ids"], vectors["token_count"].tolist()
        if any(want and count < want + _MARGIN for want, count in zip(wanted, counts, strict=True)):
            return None
        last = min(counts[1], self._max_tokens)
        read = np.concatenate([ids[0, : wanted[0]], ids[1, last - wanted[1] : last]])
        return Tokens(read[np.newaxis], np.array([read.size]), np.array([True]))


def _closed_up(head: str, tail: str) -> str:
    """Return the start and the end of a text as one; the halves of one tag make a tag again."""
    opens, closes = _without_open_tag(head), _without_closed_tag(tail)
    return head + tail if opens != head and closes != tail else opens + closes


def _without_open_tag(head: str) -> str:
    """Return a start without the tag at its end (or the mere `<`) that isn't closed."""
    opened = head.rfind("<")
    return head[:opened] if opened > head.rfind(">") else head


def _without_closed_tag(tail: str) -> str:
    """Return an end without the tag at its start (or all before a `>`) that isn't opened."""
    closed = tail.find(">")
    return tail if closed < 0 or 0 <= tail.find("<") < closed else tail[closed + 1 :]
