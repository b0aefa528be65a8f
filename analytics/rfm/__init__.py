"""Recency, frequency, monetary value: scores, their borders, and the segment leaf."""
