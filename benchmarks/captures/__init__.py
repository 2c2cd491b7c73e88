"""Captures of real pages: Calotype beside a bare DevTools loop and the tools that people use today."""
