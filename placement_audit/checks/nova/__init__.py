"""Checks that need nova's databases alone."""
