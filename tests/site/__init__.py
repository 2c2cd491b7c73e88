"""A small web site for our browser to visit."""
