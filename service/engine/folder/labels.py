"""The call that moves a label of a model, by which a version is promoted or rolled back."""

import fcntl
import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from service.engine.folder.policy import (
    CANARY,
    POLICY,
    STABLE,
    default_policy,
    make_policy,
    read_content,
    read_policy,
)
from service.errors import MalformedRequestError, UnknownModelError, UnwritableModelsError, quoted

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_LOCK = ".serving.json.lock"


def move_label(
    models: Path, name: str, label: str, version: int | None, canary_share: float | None = None
) -> None:
    """Move a label to a version of a model, by a change of the model's `serving.json`.

    The file has either its old or its new content, never a part. Its other keys stay. Calls at the
    same time, in other processes too, wait for each other, and none is lost. An edit by hand that
    is saved during a call may be. The call blocks.

    `stable` moved to the canary's version is a promotion: it ends the canary, so the label `canary`
    and its share are removed. Otherwise a later roll back of `stable` would leave requests with the
    version that it rolls back from. `stable` moved to any other version leaves the canary as it is.
    The share goes too when `canary` is removed. When `canary` moves to another version, the share
    stays unless a new one is given.

    Args:
        models: the folder of models.
        name: the model's name.
        label: the label, for instance "stable".
        version: the version, whose folder must be there; None removes the label.
        canary_share: the new share (0 to 1) of the canary; only with a version for `canary`.

    Raises:
        UnknownModelError: there is no folder of that model or version.
        MalformedRequestError: the label or the share isn't allowed.
        CorruptModelError: the file has a fault already.
        UnwritableModelsError: the file can't be written.
    """
    folder = _find_model(models, name, version)
    if canary_share is not None and (label != CANARY or version is None):
        raise MalformedRequestError(
            "A share can only be given when the label 'canary' is moved to a version."
        )
    file = (folder / POLICY).resolve()
    with _unwritable(file), _locked(file.with_name(_LOCK)):
        read_policy(folder, default_policy(0))  # it must have no fault before
        after = _moved(read_content(file), label, version, canary_share)
        try:
            make_policy(after, default_policy(0))
        except ValueError as error:
            raise MalformedRequestError(f"The label can't be moved: {error}.") from error
        _write(file, json.dumps(after, indent=2) + "\n")


def _find_model(models: Path, name: str, version: int | None) -> Path:
    folder = models / name
    if _NAME.fullmatch(name) is None or not folder.is_dir():
        raise UnknownModelError(f"There is no model {quoted(name)} in the folder of models.")
    if version is not None and not (folder / str(version)).is_dir():
        raise UnknownModelError(f"There is no version {version} of the model {quoted(name)}.")
    return folder


def _moved(
    content: dict[str, Any], label: str, version: int | None, canary_share: float | None
) -> dict[str, Any]:
    """Return the content with the label at the version; `content` has no fault."""
    before = content.get("labels", {})
    labels = {other: at for other, at in before.items() if other != label}
    if version is not None:
        labels[label] = version
    if label == STABLE and version is not None and before.get(CANARY) == version:
        del labels[CANARY]
    after = content | {"labels": labels}
    if canary_share is not None:
        after["canary_share"] = canary_share
    if CANARY not in labels:
        after.pop("canary_share", None)
    return after


@contextmanager
def _unwritable(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnwritableModelsError(
            f"{file} can't be written: {error.strerror}. Change the file where the models are "
            "deployed from, or let the service write into its folder."
        ) from error


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold the lock of a file. It stays in its folder: a removed one could be locked twice."""
    with file.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(file: Path, content: str) -> None:
    """Replace a file in one step; it keeps its mode."""
    mode = file.stat().st_mode & 0o777 if file.exists() else 0o644
    handle, temporary = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as written:
            written.write(content)
            written.flush()
            os.fsync(written.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
