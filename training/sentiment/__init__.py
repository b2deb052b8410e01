"""The sentiment classifier: did the author of a text about a film like it?

- `normalization`: one form for a text, however it was typed; - `words`: text to words; -
`vocabulary`: the words and phrases that the model knows;
- `vectorizer`: text to token ids, in the graph;
- `pretraining`: word vectors from the reviews;
- `model`: the network;
- `examples`: what it is shown;
- `learning`: how all this is put together;
- `exporting`, `evaluation`: the SavedModel, its card and its pictures.
"""

from training.sentiment.evaluation import evaluate
from training.sentiment.learning import train

__all__ = ["evaluate", "train"]
