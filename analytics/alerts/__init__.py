"""What is off its baseline or behind its target, and who is told of it."""
