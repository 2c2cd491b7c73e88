"""Programs that drive a peer: one line of JSON in for each picture, one line out.

In: {"id": 1, "url": "...", "save": "/path" or null}. Out: {"id": 1, "bytes": 24000} or
{"id": 1, "error": "..."}, and before all else {"ready": true}. What is asked for together is taken together.
"""
