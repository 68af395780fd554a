"""What the memo costs a call: the works that are measured, the floor, the engine, and its peers."""
