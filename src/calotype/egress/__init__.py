"""What may be reached from here, and the only way there."""
