"""Looks at figures that are kept, shared by a link, and sent when they are due."""
