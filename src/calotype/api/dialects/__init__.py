"""The spellings of the client families, at the edge and nowhere else."""
