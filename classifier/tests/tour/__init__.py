"""Every page of the site with something on it: for the tests of all pages, and for the pictures in docs/pages.md."""
