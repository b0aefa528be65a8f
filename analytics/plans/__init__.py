"""Plans: a goal, its days, whom it is for and what is done for it; and how far it is."""
