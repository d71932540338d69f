"""moto's choice of a service: made once for each host.

moto lists its own folders for every request, which takes as long as most requests do.
"""

import functools

from moto.moto_server.werkzeug_app import DomainDispatcherApplication


def apply():
    """Has the dispatcher remember what it found."""
    DomainDispatcherApplication.get_backend_for_host = functools.cache(DomainDispatcherApplication.get_backend_for_host)
