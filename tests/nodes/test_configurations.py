from __future__ import annotations

from nodes.configurations import without_fetching


def test_kernels_code_and_weights_from_elsewhere_are_left_out_of_a_configuration_and_its_parts():
    asked = {
        "_attn_implementation": "kernels-community/flash-attn",
        "experts_implementation": "sonicmoe",
        "auto_map": {"AutoConfig": "evil.Config"},
        "use_pretrained_backbone": True,
        "disable_custom_kernels": False,
    }
    whole = {"model_type": "detr", **asked, "backbone_config": {"depth": 2, **asked, "text_config": asked}}
    inside = {"use_pretrained_backbone": False, "disable_custom_kernels": True}
    assert without_fetching(whole) == {
        "model_type": "detr",
        **inside,
        "backbone_config": {"depth": 2, **inside, "text_config": inside},
    }


def test_configuration_that_asks_for_nothing_stays_as_it_is():
    plain = {"model_type": "dpt", "backbone_config": {"out_features": ["stage4"]}, "id2label": {"0": "a"}}
    assert without_fetching(plain) == plain
