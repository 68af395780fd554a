"""Params that all nodes share that name a model."""

from __future__ import annotations

from typing import Annotated, Literal

from nodegraph import Param

Revision = Annotated[str, Param(help='of a hub id: branch, tag or commit; "" = main')]

Dtype = Annotated[
    Literal["float32", "float16", "bfloat16"],
    Param(help="of the weights and activations, whatever the files have"),
]

Variant = Annotated[str, Param(help='of the weight files, such as fp16; "" = the plain ones')]

PipelineClass = Annotated[
    str,
    Param(
        pattern=r"^[A-Za-z]?[A-Za-z0-9_]*$",
        help='of diffusers, such as WanImageToVideoPipeline; "" = what model_index.json says',
    ),
]
