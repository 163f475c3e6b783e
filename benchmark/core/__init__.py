"""What is run: protocols, models, runs, and the processes that make them."""
