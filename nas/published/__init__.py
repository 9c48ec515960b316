"""What the EfficientNet paper prints, as tables with their sources; never a measurement of ours."""
