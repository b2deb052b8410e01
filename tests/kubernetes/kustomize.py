"""As much of Kustomize as the project's own folders use, so that their tests need no kubectl."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]

_FIELDS = {"apiVersion", "kind", "resources", "patches", "images"}


def read_manifests(path: Path) -> list[Manifest]:
    """Return the documents of a YAML file."""
    return list(yaml.safe_load_all(path.read_text()))


def build(folder: Path) -> list[Manifest]:
    """Return what `kubectl kustomize` prints of a folder, in the order of its resources.

    Knows resources, strategic merge patches in files, and new names and tags of images.
    """
    (kustomization,) = read_manifests(folder / "kustomization.yaml")
    assert kustomization.keys() <= _FIELDS, f"{folder} uses more of Kustomize than its tests know"
    manifests: list[Manifest] = []
    for resource in kustomization["resources"]:
        path = folder / resource
        manifests += build(path) if path.is_dir() else read_manifests(path)
    for patch in kustomization.get("patches", ()):
        for change in read_manifests(folder / patch["path"]):
            (target,) = (one for one in manifests if identify(one) == identify(change))
            _merge(target, change)
    for image in kustomization.get("images", ()):
        for container in _containers(manifests):
            _rename(container, image)
    return manifests


def identify(manifest: Manifest) -> tuple[str, str]:
    """Return a manifest's kind and name."""
    return manifest["kind"], manifest["metadata"]["name"]


def _merge(target: Manifest, change: Manifest) -> None:
    for key, value in change.items():
        known = target.get(key)
        if isinstance(value, dict) and isinstance(known, dict):
            _merge(known, value)
        elif isinstance(known, list) and all("name" in item for item in (*known, *value)):
            known[:] = _merged(known, value)
        else:
            target[key] = value


def _merged(known: list[Manifest], changes: list[Manifest]) -> list[Manifest]:
    """Return items with changes by name: those that are changed or new, then the others."""
    named = {item["name"]: item for item in known}
    merged = []
    for change in changes:
        item = named.pop(change["name"], {})
        _merge(item, change)
        merged.append(item)
    return [*merged, *named.values()]


def _containers(manifests: list[Manifest]) -> Iterator[Manifest]:
    for manifest in manifests:
        if manifest["kind"] == "Deployment":
            yield from manifest["spec"]["template"]["spec"]["containers"]


def _rename(container: Manifest, image: Manifest) -> None:
    name, _, tag = container["image"].partition(":")
    if name == image["name"]:
        tag = str(image.get("newTag", tag))
        container["image"] = f"{image.get('newName', name)}:{tag}" if tag else name
