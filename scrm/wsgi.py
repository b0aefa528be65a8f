"""The web door. Refuses to open on a database role that could go round isolation."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scrm.settings")
application = get_wsgi_application()

from scrm import warm  # noqa: E402 - after Django is set up
from tenants.isolation import refuse_unsafe_role  # noqa: E402

refuse_unsafe_role()
warm.up()
