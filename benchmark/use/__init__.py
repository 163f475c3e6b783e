"""A fitted model in use: which one, what it says of new pictures, and when to distrust it."""
