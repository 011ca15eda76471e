"""The few coexpression networks that explain a landscape: learning, reading, testing and reusing them."""
