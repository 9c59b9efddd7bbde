"""Programs for the people who work on the project; the site runs none of them."""
