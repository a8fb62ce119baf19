from . import app_names, portal
