"""SavedModels of any age and making."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tests.training.packaging.conftest import Package
from training.errors import PackagingError

v1 = tf.compat.v1


def test_what_keras_exports_is_packaged(
    package: Package, plain: Any, text_model: Any, pictures: np.ndarray, tmp_path: Path
) -> None:
    plain.export(tmp_path / "images", verbose=False)
    found = package(tmp_path / "images").answer(image=pictures)["probabilities"]
    wanted = plain.predict(pictures / np.float32(255), verbose=0)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    text_model.export(tmp_path / "texts", verbose=False)
    found = package(tmp_path / "texts").answer(text=[b"good", b"bad"])["probabilities"]
    wanted = text_model(tf.constant([["good"], ["bad"]])).numpy()[:, 0]
    np.testing.assert_allclose(found[:, 1], wanted, rtol=1e-4)


def test_each_variable_is_written_once(package: Package, plain: Any, tmp_path: Path) -> None:
    plain.export(tmp_path / "twice", verbose=False)
    folder = package(tmp_path / "twice").folder
    shapes = [shape for _, shape in tf.train.list_variables(str(folder / "variables/variables"))]
    wanted = [list(weight.shape) for weight in plain.weights]
    assert sorted(shape for shape in shapes if shape) == sorted(wanted)


def test_an_optimizer_inside_does_no_harm(package: Package, tmp_path: Path) -> None:
    given = keras.Input((4,), name="given")
    model = keras.Model(given, keras.layers.Dense(3)(given))
    model.compile("adam", "mse")
    model.fit(np.ones((4, 4)), np.ones((4, 3)), verbose=0)
    tf.saved_model.save(model, str(tmp_path / "compiled"))
    packaged = package(tmp_path / "compiled")
    ((name, _),) = packaged.card["signatures"]["serving_default"]["inputs"].items()
    rows = np.array([[1, 2, 3, 4]], np.float32)
    (found,) = packaged.answer(**{name: rows}).values()
    np.testing.assert_allclose(found, model(rows), rtol=1e-5)


def test_an_optimizer_that_cannot_be_rebuilt_does_no_harm(package: Package, tmp_path: Path) -> None:
    """As older versions of TensorFlow wrote them: TensorFlow Serving takes them all the same."""
    module = tf.Module()
    module.weight = tf.Variable([[1.0], [2.0]])
    module.slot = tf.Variable([[0.0], [0.0]])
    serve = tf.function(
        lambda x: {"y": x @ module.weight}, input_signature=[tf.TensorSpec([None, 2], name="x")]
    )
    tf.saved_model.save(module, str(tmp_path / "old"), signatures=serve)
    claim_an_optimizer(tmp_path / "old" / "saved_model.pb")
    with pytest.raises(AttributeError, match="add_slot"):
        tf.saved_model.load(str(tmp_path / "old"))
    found = package(tmp_path / "old").answer(x=np.array([[1, 1]], np.float32))
    assert found["y"].tolist() == [[3]]


def claim_an_optimizer(file: Path) -> None:
    """Let the root object say that it has slots for its variables, as an optimizer does."""
    content = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    root = content.meta_graphs[0].object_graph_def.nodes[0]
    children = {child.local_name: child.node_id for child in root.children}
    root.slot_variables.add(
        original_variable_node_id=children["weight"],
        slot_name="m",
        slot_variable_node_id=children["slot"],
    )
    file.write_bytes(content.SerializeToString())


@pytest.mark.parametrize("use_resource", [True, False])
def test_a_graph_of_tensorflow_1_is_packaged(
    package: Package,
    tmp_path: Path,
    use_resource: bool,
) -> None:
    with tf.Graph().as_default(), v1.Session() as session:
        word = v1.placeholder(tf.string, [None], "word")
        entries = tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.constant([0, 1], tf.int64))
        table = tf.lookup.StaticHashTable(entries, 2)
        vectors = v1.get_variable(
            "vectors", initializer=[[1.0, 2.0], [3.0, 4.0], [0.0, 0.0]], use_resource=use_resource
        )
        vector = tf.gather(vectors, table.lookup(word))
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        v1.saved_model.simple_save(
            session,
            str(tmp_path / "old"),
            {"word-in": word},
            {"vector": vector},
            legacy_init_op=v1.tables_initializer(),
        )
    for _ in range(2):  # a second one in this process meets the first one's functions
        packaged = package(tmp_path / "old", task="tensors")
        found = packaged.answer(word_in=[b"b", b"a", b"other"])
        assert found["vector"].tolist() == [[3, 4], [1, 2], [0, 0]]


def save_signatures(folder: Path, *names: str) -> None:
    """A SavedModel whose signatures multiply by 2, 3 and so on, each by a variable of its own."""
    module = tf.Module()
    module.factors = [tf.Variable(2.0 + number) for number in range(len(names))]

    def times(factor: tf.Variable) -> Any:
        spec = [tf.TensorSpec([None], tf.float32, name="x")]
        return tf.function(lambda x: {"y": factor * x}, input_signature=spec)

    signatures = dict(zip(names, map(times, module.factors), strict=True))
    tf.saved_model.save(module, str(folder), signatures=signatures)


def test_one_of_several_signatures_is_served(package: Package, tmp_path: Path) -> None:
    save_signatures(tmp_path / "two", "double", "triple")
    with pytest.raises(PackagingError, match=r"double, triple.*--signature"):
        package(tmp_path / "two")
    packaged = package(tmp_path / "two", signature="triple")
    assert packaged.card["signatures"].keys() == {"serving_default"}
    assert packaged.answer(x=np.array([1, 2], np.float32))["y"].tolist() == [3, 6]
    written = tf.train.list_variables(str(packaged.folder / "variables/variables"))
    assert len(written) == 1 + 1  # and the object graph
    assert "serving_default/outputs/y" in packaged.golden
    with pytest.raises(PackagingError, match="no signature fourfold"):
        package(tmp_path / "two", signature="fourfold")


def test_the_default_signature_is_taken_and_said(package: Package, tmp_path: Path) -> None:
    save_signatures(tmp_path / "two", "serving_default", "other")
    packaged = package(tmp_path / "two")
    assert "--signature" in packaged.text
    assert packaged.answer(x=np.array([1], np.float32))["y"].tolist() == [2]
    save_signatures(tmp_path / "one", "predict")
    assert package(tmp_path / "one").answer(x=np.array([1], np.float32))["y"].tolist() == [2]


@pytest.mark.parametrize("shape", [[4, 2], []])
def test_without_a_batch_the_golden_inputs_are_one_request(
    package: Package, tmp_path: Path, shape: list[int]
) -> None:
    serve = tf.function(
        lambda x: {"y": x + 1.0}, input_signature=[tf.TensorSpec(shape, tf.float32, name="x")]
    )
    tf.saved_model.save(tf.Module(), str(tmp_path / "fixed"), signatures=serve)
    packaged = package(tmp_path / "fixed")
    assert "Each request runs by itself" in packaged.text
    golden = packaged.golden
    assert golden["serving_default/inputs/x"].shape == tuple(shape)
    np.testing.assert_allclose(
        golden["serving_default/outputs/y"], golden["serving_default/inputs/x"] + 1
    )


def test_an_input_of_any_shape_is_refused(package: Package, tmp_path: Path) -> None:
    serve = tf.function(
        lambda x: {"y": x + 1.0}, input_signature=[tf.TensorSpec(None, tf.float32, name="x")]
    )
    tf.saved_model.save(tf.Module(), str(tmp_path / "any"), signatures=serve)
    with pytest.raises(PackagingError, match="the number of its dimensions must be known"):
        package(tmp_path / "any")


def test_a_dtype_that_cannot_be_sent_is_refused(package: Package, tmp_path: Path) -> None:
    spec = [tf.TensorSpec([None], tf.complex64, name="x")]
    serve = tf.function(lambda x: {"y": tf.abs(x)}, input_signature=spec)
    tf.saved_model.save(tf.Module(), str(tmp_path / "odd"), signatures=serve)
    with pytest.raises(PackagingError, match="complex64"):
        package(tmp_path / "odd")


def test_folders_that_hold_no_model_are_explained(package: Package, tmp_path: Path) -> None:
    with pytest.raises(PackagingError, match=r"no saved_model\.pb"):
        package(tmp_path)
    tf.saved_model.save(tf.Module(), str(tmp_path / "mute"))
    with pytest.raises(PackagingError, match="has no signature"):
        package(tmp_path / "mute")
    (tmp_path / "saved_model.pb").write_bytes(b"damaged")
    with pytest.raises(PackagingError, match="can't be loaded"):
        package(tmp_path)
