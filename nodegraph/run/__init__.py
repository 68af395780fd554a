"""Running: items flow through the planned graph, bounded in memory, and results go to the store."""
