"""How the packaged ImageNet predictor is fitted and judged; run by fit_imagenet_predictor.py."""
