"""Two businesses to look around in: made-up people, a year of believable history."""
