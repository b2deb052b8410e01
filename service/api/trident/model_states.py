"""What there is of each model: versions in their states, labels, and what is wrong."""

import re
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, Field

from service.engine.engine import Engine
from service.engine.rollout.serving_target import ServingTarget
from service.engine.rollout.version_states import State, VersionState, version_states
from service.engine.served_model import ServedModel


class VersionStatus(BaseModel):
    """The state of a version in the folder of models."""

    version: int = Field(description="Its number.")
    state: State = Field(
        description="START: its files aren't complete. LOADING: it is being loaded and checked. "
        "AVAILABLE: it answers. UNLOADING: it answers its last requests. END: it is rejected."
    )
    reason: str | None = Field(description="What is missing, or wrong; null if nothing is.")


class ModelStates:
    """All models at one moment, as the worker that answers sees them."""

    def __init__(self, engine: Engine) -> None:
        """Look now. Raises NotReadyError if this worker isn't up to date."""
        rollout = engine.rollout
        self._snapshot = engine.registry.current()
        self._target = ServingTarget() if rollout is None else rollout.target()
        served = {model.artifact.key for model in self._snapshot.models}
        unloading = set() if rollout is None else rollout.unloading
        self._states: Mapping[str, Sequence[VersionState]] = version_states(
            self._target, served, unloading
        )

    @property
    def names(self) -> Sequence[str]:
        """The names of all models that have a version in any state."""
        return list(self._states)

    def served(self, name: str) -> Sequence[ServedModel]:
        """Return a model's versions that answer, the newest first."""
        return [model for model in self._snapshot.models if model.name == name]

    def states(self, name: str) -> list[VersionStatus]:
        """Return the states of a model's versions, the newest first."""
        return [
            VersionStatus(version=one.version, state=one.state, reason=one.reason)
            for one in self._states.get(name, ())
        ]

    def task(self, name: str) -> str | None:
        """Return the kind of a model's task; None if no card can be read."""
        tasks = [
            *(model.kind for model in self.served(name)),
            *(version.task for version in self._target.versions if version.name == name),
            *(version.task for version in self._target.others if version.name == name),
        ]
        return next((task for task in tasks if task is not None), None)

    def is_default(self, name: str, task: str) -> bool:
        """Whether a model answers requests for its task that name no model."""
        return self._snapshot.serving.defaults.get(task) == name

    def labels(self, name: str) -> Mapping[str, int]:
        """Return the version of each of a model's labels."""
        return self._snapshot.serving.labels.get(name, {})

    def canary_share(self, name: str) -> float:
        """Return the part of the requests that a model's canary answers, 0 to 1."""
        return self._snapshot.serving.canary_shares.get(name, 0.0)

    def faults(self, name: str | None = None) -> list[str]:
        """Return sentences about what is wrong in the folder: all, or those that name a model."""
        if name is None:
            return list(self._target.faults)
        named = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])")
        return [fault for fault in self._target.faults if named.search(fault)]
