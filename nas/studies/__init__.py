"""The scaling studies of the paper, as trainings in a run folder."""
