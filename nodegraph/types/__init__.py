"""Types: JSON and value types, streams and batches, the wire form and digest of values."""
