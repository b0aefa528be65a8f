"""How soon were Follows lost? Facts of openings, and cells that count them."""
