"""What `make setup` and `make setup-dev` do.

It runs before anything is installed, so it may use the standard library and calotype.render.find only.
"""
