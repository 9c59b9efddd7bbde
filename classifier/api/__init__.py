"""The REST API: it validates, calls the services that the pages call, and represents the results."""
