"""What several networks share; pure torch."""
