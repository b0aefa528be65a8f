"""What a person may ask of us: to agree and withdraw, to see all, to be forgotten."""
