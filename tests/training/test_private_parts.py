"""Each part of a library that the training uses without its makers' promise is listed here.

`docs/decisions/private-parts.md` says why, and `tests/private_parts.py` how the list is checked.
"""

import pytest

from tests.private_parts import PAGE, Part, PartList, check_version

SAVED_MODELS = "packaging/test_saved_models.py"
NO_PUBLIC_WAY = "A model's lookup tables must be saved with it, and nothing public finds them."

PARTS = (
    Part(
        "keras",
        "keras.src.export.export_utils",
        ("get_input_signature",),
        "packaging/keras_model.py",
        "Keras's own export asks it what a model is called with.",
        "packaging/test_tensors.py",
    ),
    Part(
        "keras",
        "keras",
        ("Model._call_has_training_arg",),
        "packaging/keras_model.py",
        "Keras's own `predict` asks it whether a model is told that it isn't training.",
        "packaging/test_images.py",
    ),
    Part(
        "tensorflow",
        "tensorflow.python.checkpoint.graph_view",
        ("ObjectGraphView.breadth_first_traversal",),
        "packaging/loaded.py",
        NO_PUBLIC_WAY,
        "packaging/test_texts.py",
    ),
    Part(
        "tensorflow",
        "tensorflow.python.trackable.resource",
        ("CapturableResource.resource_handle",),
        "packaging/loaded.py",
        NO_PUBLIC_WAY,
        "packaging/test_texts.py",
    ),
    *(
        Part("tensorflow", module, names, "packaging/saved_graph.py", why, SAVED_MODELS)
        for module, names, why in (
            (
                "tensorflow.python.saved_model.loader_impl",
                ("SavedModelLoader.load",),
                "It reads what `tf.saved_model.load` refuses. Its public name is deprecated.",
            ),
            (
                "tensorflow.python.eager.context",
                ("context", "Context.add_function_def"),
                "The functions of a graph that is read must be there when it is called.",
            ),
            (
                "tensorflow.python.util.deprecation",
                ("silence",),
                "A function for graphs of TensorFlow 1 warns that it is for these.",
            ),
        )
    ),
)
LIST = PartList("training", PARTS)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part.module} {part.used_by}")
def test_the_part_is_there_and_used(part: Part) -> None:
    LIST.check_part(part)


@pytest.mark.parametrize("library", sorted({part.library for part in PARTS}))
def test_only_versions_that_were_tried_are_installed(library: str) -> None:
    check_version(library)


@pytest.mark.parametrize("name", LIST.modules)
def test_no_other_part_is_used(name: str) -> None:
    LIST.check_module(name)


def test_the_page_lists_the_parts() -> None:
    assert LIST.table() in PAGE.read_text(), f"the page must have\n{LIST.table()}"
