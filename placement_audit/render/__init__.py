"""A Report to text. Every value comes from a database: a stranger's text, escaped before it is shown."""
