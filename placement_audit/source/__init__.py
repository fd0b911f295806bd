"""Live databases: where they are, how they are opened, what they are, and how they are read."""
