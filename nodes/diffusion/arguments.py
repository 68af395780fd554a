"""What a pipeline's call takes: what a node's inputs become there, checked against its signature."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

OF_THE_NODE = frozenset(
    {
        "image", "last_image", "generator", "latents", "output_type", "return_dict", "callback",
        "callback_steps", "callback_on_step_end", "callback_on_step_end_tensor_inputs",
        "num_videos_per_prompt",
    }
)  # fmt: skip
"""Arguments that no user sets: the node does, or they are no JSON values."""


@dataclass(frozen=True)
class CallSignature:
    """The arguments of a pipeline's call, with their defaults.

    Attributes:
        class_name: of the pipeline.
        defaults: by name; `inspect.Parameter.empty` where there is none.
        has_guider: whether guidance is a part of the pipeline, and no argument.
    """

    class_name: str
    defaults: Mapping[str, Any]
    has_guider: bool = False

    @classmethod
    def of(cls, pipeline_type: type[Any]) -> CallSignature:
        """That of a class of pipelines.

        Raises:
            ValueError: if its call takes no picture.
        """
        parameters = inspect.signature(pipeline_type.__call__).parameters
        named = {
            name: parameter.default
            for name, parameter in parameters.items()
            if name != "self" and parameter.kind is not parameter.VAR_KEYWORD
        }
        if "image" not in named:
            raise ValueError(
                f"{pipeline_type.__name__} takes no image; link a model that makes clips of pictures"
            )
        guider = "guidance_scale" not in named and "guider" in inspect.signature(pipeline_type).parameters
        return cls(pipeline_type.__name__, named, guider)

    def __contains__(self, name: str) -> bool:
        return name in self.defaults

    def default(self, name: str) -> Any:
        """The default of an argument; None if there is none, or no such argument."""
        found = self.defaults.get(name)
        return None if found is inspect.Parameter.empty else found

    def own_name(self, *names: str) -> str:
        """Which of some names an argument has; the first where it has none of them."""
        return next((name for name in names if name in self), names[0])

    def settled(self, common: Mapping[str, Any], further: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments that users set, all of which the call has.

        Args:
            common: inputs of the node by the names of arguments; None for those that are not set.
            further: arguments that the node has no input for.

        Raises:
            ValueError: if the call lacks one, one of `further` is not a user's to set, or one that the call
                has to have is not set.
        """
        given = {name: value for name, value in common.items() if value is not None}
        for name in given:
            if name not in self:
                raise ValueError(
                    f"{self.class_name} has no argument {name}: leave {name} out; it has {self._settable()}"
                )
        for name in further:
            if name in common:
                raise ValueError(f"arguments: {name} is an input of the node itself; set it there")
            if name in OF_THE_NODE:
                raise ValueError(f"arguments: {name} is set by the node; leave it out")
            if name not in self:
                near = get_close_matches(name, self._names(), n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise ValueError(
                    f"arguments: {self.class_name} has no argument {name}{hint}; it has {self._settable()}"
                )
        settled = {**given, **further}
        if missing := [name for name in self._required() if name not in settled]:
            raise ValueError(f"{self.class_name} makes no clip without {', '.join(missing)}: set it")
        return settled

    def _required(self) -> list[str]:
        """Names of arguments that have to be set; a prompt that is None by default has to be, too."""
        names = [name for name, default in self.defaults.items() if default is inspect.Parameter.empty]
        if self.defaults.get("prompt", "") is None:
            names.append("prompt")
        return [name for name in names if name not in OF_THE_NODE]

    def _names(self) -> list[str]:
        return sorted(set(self.defaults) - OF_THE_NODE)

    def _settable(self) -> str:
        return ", ".join(self._names())
