"""Checks that need the placement database alone."""
