"""Makes tiny SAM 2 models: a checkpoint and its configuration with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nodes.libraries import library

NAME = "sam2.1_hiera_random"
_WIDTH, _MEMORY_WIDTH = 16, 8


def make_tiny_sam2(folder: Path, *, seed: int = 0, image_size: int = 128) -> None:
    """Write a tiny SAM 2.1 with random weights, the same for the same arguments.

    It has the layout of the official repositories: `sam2.1_hiera_random.pt`, which holds the tensors under
    "model", and `sam2.1_hiera_random.yaml`; 1.2 MB. It sees an object in every frame. Random weights prove
    plumbing, not quality: its masks have nothing to do with the picture's objects.

    Args:
        folder: is made where it is missing; files of these names are replaced.
        seed: of the weights.
        image_size: of the square that frames are resized to, in pixels; a multiple of 32.

    Raises:
        ValueError: if the image size is out of bounds.
    """
    import yaml

    from nodes.track.sam2_config import parse_config
    from nodes.track.sam2_model import build_predictor

    if image_size < 64 or image_size % 32:
        raise ValueError(f"image_size must be a multiple of 32 from 64 up, not {image_size}")
    torch = library("torch")
    folder.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump({"model": _model(image_size)}, sort_keys=False)
    predictor = build_predictor(parse_config(text, NAME), NAME)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        tensors = {name: _drawn(name, tensor) for name, tensor in predictor.state_dict().items()}
    (folder / f"{NAME}.yaml").write_text(text, encoding="utf-8")
    torch.save({"model": tensors}, folder / f"{NAME}.pt")


def _drawn(name: str, tensor: Any) -> Any:
    """Random weights of about the size of trained ones.

    Those that decide whether there is an object say yes, and those that mix a mask out of its channels take
    differences of them, so that masks are neither empty nor full.
    """
    torch = library("torch")
    drawn = torch.randn(tensor.shape)
    is_last = name.endswith((".layers.2.weight", ".layers.2.bias"))
    if name.startswith("sam_mask_decoder.pred_obj_score_head") and is_last:
        return torch.full_like(tensor, 2.0) if tensor.dim() < 2 else 0.05 * drawn
    if name.startswith("sam_mask_decoder.output_hypernetworks_mlps") and is_last:
        return torch.linspace(-1, 1, len(tensor)) if tensor.dim() < 2 else 0.05 * drawn
    if tensor.dim() < 2:
        return 0.1 * drawn + (1.0 if name.endswith("weight") else 0.0)
    return drawn * 1.5 / max(1, tensor[0].numel()) ** 0.5


def _model(image_size: int) -> dict[str, Any]:
    """As `configs/sam2.1/sam2.1_hiera_t.yaml` of the library, with smaller numbers."""
    modeling = "sam2.modeling"
    grid = [image_size // 16] * 2
    return {
        "_target_": f"{modeling}.sam2_base.SAM2Base",
        "image_encoder": {
            "_target_": f"{modeling}.backbones.image_encoder.ImageEncoder",
            "scalp": 1,
            "trunk": {
                "_target_": f"{modeling}.backbones.hieradet.Hiera",
                "embed_dim": 8,
                "num_heads": 1,
                "stages": [1, 1, 2, 1],
                "global_att_blocks": [3],
                "window_spec": [8, 4, 4, 2],
                "window_pos_embed_bkg_spatial_size": [7, 7],
            },
            "neck": {
                "_target_": f"{modeling}.backbones.image_encoder.FpnNeck",
                "position_encoding": _positions(_WIDTH),
                "d_model": _WIDTH,
                "backbone_channel_list": [64, 32, 16, 8],
                "fpn_top_down_levels": [2, 3],
                "fpn_interp_model": "nearest",
            },
        },
        "memory_attention": {
            "_target_": f"{modeling}.memory_attention.MemoryAttention",
            "d_model": _WIDTH,
            "pos_enc_at_input": True,
            "num_layers": 1,
            "layer": {
                "_target_": f"{modeling}.memory_attention.MemoryAttentionLayer",
                "activation": "relu",
                "dim_feedforward": 32,
                "dropout": 0.1,
                "d_model": _WIDTH,
                "pos_enc_at_attn": False,
                "pos_enc_at_cross_attn_keys": True,
                "pos_enc_at_cross_attn_queries": False,
                "self_attention": _attention(grid),
                "cross_attention": _attention(grid) | {"rope_k_repeat": True, "kv_in_dim": _MEMORY_WIDTH},
            },
        },
        "memory_encoder": {
            "_target_": f"{modeling}.memory_encoder.MemoryEncoder",
            "in_dim": _WIDTH,
            "out_dim": _MEMORY_WIDTH,
            "position_encoding": _positions(_MEMORY_WIDTH),
            "mask_downsampler": {
                "_target_": f"{modeling}.memory_encoder.MaskDownSampler",
                "embed_dim": _WIDTH,
                "kernel_size": 4,
                "stride": 4,
                "padding": 0,
            },
            "fuser": {
                "_target_": f"{modeling}.memory_encoder.Fuser",
                "num_layers": 1,
                "layer": {
                    "_target_": f"{modeling}.memory_encoder.CXBlock",
                    "dim": _WIDTH,
                    "kernel_size": 3,
                    "padding": 1,
                    "layer_scale_init_value": 1e-6,
                    "use_dwconv": True,
                },
            },
        },
        "image_size": image_size,
    } | _SWITCHES


def _positions(width: int) -> dict[str, Any]:
    return {
        "_target_": "sam2.modeling.position_encoding.PositionEmbeddingSine",
        "num_pos_feats": width,
        "normalize": True,
        "scale": None,
        "temperature": 10000,
    }


def _attention(grid: list[int]) -> dict[str, Any]:
    return {
        "_target_": "sam2.modeling.sam.transformer.RoPEAttention",
        "rope_theta": 10000.0,
        "feat_sizes": grid,
        "embedding_dim": _WIDTH,
        "num_heads": 1,
        "downsample_rate": 1,
        "dropout": 0.1,
    }


_SWITCHES: dict[str, Any] = {
    "num_maskmem": 7,
    "sigmoid_scale_for_mem_enc": 20.0,
    "sigmoid_bias_for_mem_enc": -10.0,
    "use_mask_input_as_output_without_sam": True,
    "directly_add_no_mem_embed": True,
    "no_obj_embed_spatial": True,
    "use_high_res_features_in_sam": True,
    "multimask_output_in_sam": True,
    "iou_prediction_use_sigmoid": True,
    "use_obj_ptrs_in_encoder": True,
    "add_tpos_enc_to_obj_ptrs": True,
    "proj_tpos_enc_in_obj_ptrs": True,
    "use_signed_tpos_enc_to_obj_ptrs": True,
    "only_obj_ptrs_in_the_past_for_eval": True,
    "pred_obj_scores": True,
    "pred_obj_scores_mlp": True,
    "fixed_no_obj_ptr": True,
    "multimask_output_for_tracking": True,
    "use_multimask_token_for_obj_ptr": True,
    "multimask_min_pt_num": 0,
    "multimask_max_pt_num": 1,
    "use_mlp_for_obj_ptr_proj": True,
}
"""As in the official configuration."""
