"""Writing datasets: pure nodes that lay encoded files and labels out as folders."""

from nodes.export.coco import export_coco
from nodes.export.preview import export_preview
from nodes.export.semantic_drone import export_semantic_drone
from nodes.export.video import export_video
from nodes.export.visdrone import export_visdrone
from nodes.export.voc import export_voc
from nodes.export.yolo import export_yolo

__all__ = [
    "export_coco",
    "export_preview",
    "export_semantic_drone",
    "export_video",
    "export_visdrone",
    "export_voc",
    "export_yolo",
]
