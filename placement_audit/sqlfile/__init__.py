"""Checks, questions and grants as files for a plain ``mariadb`` client: what stands in sql/."""
