"""Finding people and units: completion as somebody types, and the tree to choose from."""
