"""The sentiment classifier: does the author of a text like what it is about?

- `texts`: what it is trained on and measured with; `normalization`: one form for a text, however it
was typed; `contrast_pairs`, `contrast_templates`, `written_pairs`, `typed_sentences`: texts that
are written here; `negations`: texts that are made of reviews;
- `words`: text to words; `vocabulary`: the words and phrases that the model knows; `misspellings`:
how these may be written as well; `vectorizer`: text to token ids, in the graph;
- `features`, `pretraining`: what is known about words before the training;
- `model`: the network; `calibration`: its probabilities;
- `examples`, `preparing`: what it is shown; `distilling`: what else it learns from;
- `learning`: how all this is put together;
- `exporting`, `evaluation`: the SavedModel, its card and its pictures;
- `robustness`, `perturbations`: how much it stands.
"""

from training.sentiment.evaluation import evaluate
from training.sentiment.learning import train
from training.sentiment.robustness import attack

__all__ = ["attack", "evaluate", "train"]
