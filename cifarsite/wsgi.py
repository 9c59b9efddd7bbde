"""The WSGI application, for Gunicorn and its like."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cifarsite.settings")
application = get_wsgi_application()
