"""Dictionary of coexpression networks that explain a landscape: learning, interpretation and testing."""
