"""A cloud to look at: a language for writing its rows, and one story told in it."""
