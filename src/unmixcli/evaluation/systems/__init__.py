"""What is scored: a model, an oracle, or stems that another program wrote."""
