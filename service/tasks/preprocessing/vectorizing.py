"""From texts to token ids, with a signature of the model itself.

The signature makes a matrix as wide as the longest text, and TensorFlow runs one call after the
other. So one very long text among short ones would need gigabytes, and make all requests wait.
Texts of similar length share a call, and only the start and the end of a very long text are passed
to it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from service.errors import UndecodableInputError
from service.runtime.card import TextPreprocessing
from service.runtime.saved_model import Array
from service.tasks.preprocessing.text_normalization import normalize

SHORT = 2000
"""Characters: texts up to this length share a call, however different they are."""

LONG = 8 * 1024
"""Characters: texts up to this length are passed whole. Of a longer one, this many usually contain
the tokens that are read."""

LONGEST = 64 * 1024
"""Most characters of a text that are passed to the signature: they take at most 10 ms."""

_MARGIN = 8
"""Tokens next to a cut that may be wrong: halves of words, or phrases that start before it."""

_CHARACTER_BYTES = 64  # bytes, with its share of all tensors: up to 50 were measured
_OBJECT_BYTES = 1024  # of three small arrays and what holds them, or of a string


@dataclass(slots=True)
class Tokens:
    """The tokens of texts: ids int32 [n, any], padded with 0 on the right; counts int [n].

    `truncated`, bool [n], tells which texts are longer than what is read.
    """

    ids: Array
    counts: Array
    truncated: Array


TextRow: TypeAlias = str | Tokens
"""A text of up to `LONG` characters, or the tokens of a longer one."""


class TextVectorizer:
    """Calls the signature `vectorize` of a model, with a limited amount of text at once."""

    def __init__(
        self,
        vectorize: Callable[[list[str]], dict[str, Array]],
        preprocessing: TextPreprocessing,
    ) -> None:
        """Take the signature, and from the card how much it reads."""
        self._vectorize = vectorize
        self._max_tokens = preprocessing.max_tokens
        self._head_tokens = preprocessing.head_tokens
        self._normalize = normalize if preprocessing.normalization else str

    def row_bytes(self, text: str) -> int:
        """Return the most bytes that the row of a text takes."""
        return _OBJECT_BYTES + 4 * max(self._max_tokens, min(len(text), LONG))

    @staticmethod
    def reading_bytes(text: str) -> int:
        """Return the most bytes that `read` uses while it runs, beside the text itself."""
        return _CHARACTER_BYTES * min(len(text), LONGEST)

    def __call__(self, rows: Sequence[TextRow]) -> Tokens:
        """Return the tokens of rows, in their order."""
        short = [row for row in rows if isinstance(row, str) and len(row) <= SHORT]
        if len(short) == len(rows):
            return self._whole(short)
        return self._joined(len(rows), self._groups(rows))

    def read(self, text: str) -> TextRow:
        """Return a text in the form that the card names, or the tokens of a very long one.

        These are the same tokens as those of the whole text, unless its start or its end has very
        few words: for the shipped model, fewer than 64 in the first quarter of `LONGEST`
        characters, or than 192 in the rest. If a model's card doesn't say which tokens it reads,
        the first `LONGEST` characters are used.

        Raises:
            UndecodableInputError: the text has no visible character.
        """
        if len(text) > LONG:
            return self._read_long(_visible(text))
        plain = _visible(self._normalize(text))
        return plain if len(plain) <= LONG else self._cut(plain, LONG)

    def _read_long(self, text: str) -> Tokens:
        if self._head_tokens is not None:
            for characters in (LONG, LONGEST):
                if len(text) > characters:
                    tokens = self._head_and_tail(*self._ends(text, characters), self._head_tokens)
                    if tokens is not None:
                        return tokens
        plain = text if len(text) > LONGEST else _visible(self._normalize(text))
        cut = len(plain) > LONGEST
        return self._alone(self._cut(plain, LONGEST) if cut else plain, cut=cut)

    def _whole(self, texts: list[str]) -> Tokens:
        vectors = self._vectorize(texts)
        counts = vectors["token_count"]
        return Tokens(vectors["token_ids"], counts, counts > self._max_tokens)

    def _alone(self, text: str, *, cut: bool) -> Tokens:
        """Return a text's tokens, copied so that unread tokens don't stay in memory."""
        tokens = self._whole([text])
        ids = tokens.ids[:, : self._max_tokens].copy()
        return Tokens(ids, tokens.counts, tokens.truncated | cut)

    def _groups(self, rows: Sequence[TextRow]) -> Iterator[tuple[list[int], Tokens]]:
        """Yield the indexes of rows of similar length, and their tokens."""
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

    def _cut(self, text: str, characters: int) -> str:
        """Return what the model reads of a text, at most so many characters."""
        if self._head_tokens is None:
            return self._normalize(text[:characters])[:characters]
        return _closed_up(*self._ends(text, characters))

    def _ends(self, text: str, characters: int) -> tuple[str, str]:
        """Return the start and the end of a text, together at most so many characters."""
        first = characters * (self._head_tokens or 0) // self._max_tokens
        rest = characters - first
        head = self._normalize(text[:first])[:first]
        tail = self._normalize(text[len(text) - rest :])
        return head, tail[max(0, len(tail) - rest) :]

    def _head_and_tail(self, head: str, tail: str, head_tokens: int) -> Tokens | None:
        """Return the tokens that are read of a text with this head and tail.

        None if they don't contain enough tokens.
        """
        wanted = (head_tokens, self._max_tokens - head_tokens)
        vectors = self._vectorize([_without_open_tag(head), _without_closed_tag(tail)])
        ids, counts = vectors["token_ids"], vectors["token_count"].tolist()
        if any(want and count < want + _MARGIN for want, count in zip(wanted, counts, strict=True)):
            return None
        last = min(counts[1], self._max_tokens)
        read = np.concatenate([ids[0, : wanted[0]], ids[1, last - wanted[1] : last]])
        return Tokens(read[np.newaxis], np.array([read.size]), np.array([True]))


def _visible(text: str) -> str:
    """Return a text, or raise UndecodableInputError if it has no visible character."""
    if not text or text.isspace():
        raise UndecodableInputError("The text is empty: send at least one word.")
    return text


def _closed_up(head: str, tail: str) -> str:
    """Join the start and the end of a text; the two halves of a tag become one tag again."""
    opens, closes = _without_open_tag(head), _without_closed_tag(tail)
    return head + tail if opens != head and closes != tail else opens + closes


def _without_open_tag(head: str) -> str:
    """Return a start without the unclosed tag (or single `<`) at its end."""
    opened = head.rfind("<")
    return head[:opened] if opened > head.rfind(">") else head


def _without_closed_tag(tail: str) -> str:
    """Return an end without the unopened tag (all before a `>`) at its start."""
    closed = tail.find(">")
    return tail if closed < 0 or 0 <= tail.find("<") < closed else tail[closed + 1 :]
