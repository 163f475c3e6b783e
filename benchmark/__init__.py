"""Which model for a small set of pictures, is the difference real, and what does it cost?"""
