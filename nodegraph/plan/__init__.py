"""Planning: what would run, and why, without running it."""
