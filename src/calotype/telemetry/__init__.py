"""What we say about ourselves while running."""
