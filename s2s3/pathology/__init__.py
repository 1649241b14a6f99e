"""Whole slides and stains. The names below are imported when they are first used."""

from nnunetv2.foundation.late_names import late_names

__getattr__, __dir__ = late_names(
    __name__,
    {
        "nnunetv2.pathology.slides.slide": ["Slide", "open_slide"],
        "nnunetv2.pathology.prediction.predict_slides": ["PredictedSlides", "predict_slides"],
        "nnunetv2.pathology.prediction.slide_predictor": ["SlidePredictor", "SlideResult"],
        "nnunetv2.pathology.prediction.slide_settings": ["SlideSettings"],
        "nnunetv2.pathology.prediction.slide_work": ["RunOptions"],
        "nnunetv2.pathology.outputs.export_settings": ["ExportSettings"],
        "nnunetv2.pathology.dataset.tile_slides": ["Tiling", "tile_slides"],
        "nnunetv2.pathology.dataset.tiling_settings": ["TilingSettings"],
        "nnunetv2.pathology.tissue.slide_tissue": ["TissueMask", "find_tissue"],
        "nnunetv2.pathology.tissue.tissue_mask": ["TissueSettings"],
    },
)
