"""The BlobStore's adapters."""
