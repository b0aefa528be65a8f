"""What customers are expected to bring: the models, what they learnt, and a forecast of each."""
