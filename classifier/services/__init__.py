"""What the site does, one verb a function; pages, API, admin and commands call them."""
