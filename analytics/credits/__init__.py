"""Which points earned the orders? Cells that count orders by the points met before them."""
