"""Speed beside plain ways of doing the same."""
