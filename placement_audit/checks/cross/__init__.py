"""Checks that hold placement and nova against each other."""
