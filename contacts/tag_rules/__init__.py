"""Tags by rule: when a condition begins to hold for a contact, tags come and go."""
