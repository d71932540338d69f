"""The service of a request is looked up once per host name.

moto lists its own directories for every request, which takes as long as most requests.
"""

import functools

from moto.moto_server.werkzeug_app import DomainDispatcherApplication


def apply():
    """Caches the results of moto's dispatcher."""
    DomainDispatcherApplication.get_backend_for_host = functools.cache(DomainDispatcherApplication.get_backend_for_host)
