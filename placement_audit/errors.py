"""The one error that ends a run."""


class CannotTell(Exception):
    """The question cannot be answered: one line for people, saying what failed, where, and what to do. Exit 2."""
