"""What the measurements of trainings share."""
