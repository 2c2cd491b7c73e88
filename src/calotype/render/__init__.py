"""The Renderer on Chromium."""
