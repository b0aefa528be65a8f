"""How suited is this business to the private domain, and what should it start with?"""
