"""What did contacts do on which day? Heads of any period as sums, however large the tenant."""
