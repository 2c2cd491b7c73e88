"""The JSON shapes that cross the wire."""
