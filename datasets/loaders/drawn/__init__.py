"""Drawn faces, for where there are no photographs."""
