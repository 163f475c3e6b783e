"""Bounds on everything a stranger hands in; docs/reliability.md tells why they are so."""

MOST_PICTURE_BYTES = 1 << 28  # of one file
MOST_PIXELS = 1 << 26  # of one picture, 8192 x 8192, by its header
MOST_TABLE_BYTES = 1 << 30  # of a table that goes with pictures, or of predictions
MOST_FER2013_BYTES = 1 << 32  # of a table that holds the pictures itself
MOST_TEXT_BYTES = 1 << 20  # of a configuration, a grid, or another text that is read whole
SHOWN = 200  # characters of what is wrong, in a message
