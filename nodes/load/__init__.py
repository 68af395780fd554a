"""Sources: pictures and annotated data sets, listed cheaply and decoded one by one."""

from nodes.load.annotated import AnnotatedImage, AnnotationError
from nodes.load.coco import load_coco
from nodes.load.depth import load_depth
from nodes.load.detector import load_detector
from nodes.load.folder import OutsideRootError
from nodes.load.images import load_images
from nodes.load.inpaint import load_inpaint
from nodes.load.pipeline import load_video_pipeline
from nodes.load.pixels import PictureError
from nodes.load.sam2 import load_sam2
from nodes.load.semantic_drone import load_semantic_drone
from nodes.load.svd import load_svd
from nodes.load.visdrone import load_visdrone
from nodes.load.voc import load_voc
from nodes.load.yolo import load_yolo

__all__ = [
    "AnnotatedImage",
    "AnnotationError",
    "OutsideRootError",
    "PictureError",
    "load_coco",
    "load_depth",
    "load_detector",
    "load_images",
    "load_inpaint",
    "load_sam2",
    "load_semantic_drone",
    "load_svd",
    "load_video_pipeline",
    "load_visdrone",
    "load_voc",
    "load_yolo",
]
