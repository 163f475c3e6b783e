"""What classical models and nets have in common: how they are asked, and where they compute."""
