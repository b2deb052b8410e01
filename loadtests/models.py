"""The models that a load test serves."""

import json
import shutil
from pathlib import Path


def copy_models(source: Path, target: Path) -> Path:
    """Copy a folder of models: of each model only what answers callers who choose no version.

    Without the labels, a newer version that comes takes its place. Returns `target`.
    """
    shutil.copytree(source, target)
    for file in target.glob("*/serving.json"):
        stable = json.loads(file.read_bytes())["labels"]["stable"]
        for folder in file.parent.iterdir():
            if folder.is_dir() and folder.name != str(stable):
                shutil.rmtree(folder)
        file.unlink()
    return target
