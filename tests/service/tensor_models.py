"""Small models of the task `tensors`, and one that takes raw texts, made by hand.

Run as a program, `python -m tests.service.tensor_models FOLDER`, it writes them.
"""

import json
import sys
from pathlib import Path
from typing import Any

from tests.service.demo_models import hashes


def save_all(models: Path) -> None:
    """Write all models.

    - pair: x float32 [n, 3] and weight int32 [n] in; sum float32 [n], name string [n] out.
    - sequence: ids int64 [n, any] in; total int64 [n] out.
    - small: x bfloat16 [n, 2] in, the same doubled out.
    - fixed: x float32 [2, 2] in, its transpose out; there is no batch.
    - parse: text string [n] in; number float32 [n] out: it fails on what isn't a number.
    - wave: x complex64 [n] in, its double out: it can't be served.
    - mood: text string [n] in; probabilities float32 [n, 2] out: positive with "good" in it.
    """
    import tensorflow as tf

    def pair(x: Any, weight: Any) -> dict[str, Any]:
        total = tf.reduce_sum(x, axis=1) * tf.cast(weight, tf.float32)
        return {"sum": total, "name": tf.strings.join(["w", tf.strings.as_string(weight)])}

    def sequence(ids: Any) -> dict[str, Any]:
        return {"total": tf.reduce_sum(ids, axis=1)}

    def small(x: Any) -> dict[str, Any]:
        return {"y": x + x}

    def fixed(x: Any) -> dict[str, Any]:
        return {"y": tf.transpose(x)}

    def parse(text: Any) -> dict[str, Any]:
        return {"number": tf.strings.to_number(text)}

    def wave(x: Any) -> dict[str, Any]:
        return {"y": x + x}

    def mood(text: Any) -> dict[str, Any]:
        good = tf.cast(tf.strings.regex_full_match(text, "(?s).*good.*"), tf.float32)
        return {"probabilities": tf.stack([1 - good, good], axis=1)}

    def spec(name: str, dtype: str, *shape: int | None) -> Any:
        return tf.TensorSpec(shape, dtype, name=name)

    inputs = {
        pair: [spec("x", "float32", None, 3), spec("weight", "int32", None)],
        sequence: [spec("ids", "int64", None, None)],
        small: [spec("x", "bfloat16", None, 2)],
        fixed: [spec("x", "float32", 2, 2)],
        parse: [spec("text", "string", None)],
        wave: [spec("x", "complex64", None)],
        mood: [spec("text", "string", None)],
    }
    for call, specs in inputs.items():
        function = tf.function(call, input_signature=specs)
        folder = models / call.__name__ / "1"
        tf.saved_model.save(tf.Module(), str(folder), signatures=function)
        _write_card(folder, function.get_concrete_function(), specs)


def _write_card(folder: Path, function: Any, specs: Any) -> None:
    is_text = folder.parent.name == "mood"
    signature = {
        "inputs": {spec.name: _tensor(spec) for spec in specs},
        "outputs": {name: _tensor(out) for name, out in function.structured_outputs.items()},
    }
    card = {
        "name": folder.parent.name,
        "version": 1,
        "task": "text_classification" if is_text else "tensors",
        "labels": ["negative", "positive"] if is_text else None,
        "signatures": {"serving_default": signature},
        "preprocessing": {"type": "raw_text" if is_text else "tensors"},
        "files": hashes(folder),
    }
    (folder / "model.json").write_text(json.dumps(card))


def _tensor(tensor: Any) -> dict[str, Any]:
    return {"dtype": tensor.dtype.name, "shape": tensor.shape.as_list()}


if __name__ == "__main__":
    save_all(Path(sys.argv[1]))
