"""How does the product run on a machine that has Python and nothing else?"""
