"""REST resources of customers: who they are, what they did and bought, where they came from."""
