"""What may be said: the verdicts, rendered for people."""
