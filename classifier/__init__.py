"""The Django app: everything that has a table, a form or a page."""
