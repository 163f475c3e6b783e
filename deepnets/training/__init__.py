"""Training of nets: the loop, its parts, and the classifier around them."""
