"""The application for any WSGI server: ``gunicorn wsgi:app``. Needs ``DATABASE_URL``."""

import os

from config.settings import Settings
from tracker.app import create_app

app = create_app(Settings.from_env(os.environ))
