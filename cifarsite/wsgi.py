"""The WSGI application, for Gunicorn and its like."""

import os

from django.core.wsgi import get_wsgi_application

from cifarsite.whole_bodies import whole_bodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cifarsite.settings")
application = whole_bodies(get_wsgi_application())
