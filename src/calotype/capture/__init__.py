"""What a client asks for and what a renderer gives back; no I/O."""
