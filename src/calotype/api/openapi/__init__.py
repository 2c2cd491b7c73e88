"""The interface told to machines: OpenAPI 3.1, made of what parses requests and of what answers them."""
