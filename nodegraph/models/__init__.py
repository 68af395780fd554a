"""Models: how packs declare them, what is known of them without loading, and which are loaded where."""
