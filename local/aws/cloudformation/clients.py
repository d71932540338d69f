"""boto3 clients of the services that a stack's resources live in."""

import threading

import boto3
from botocore.config import Config


class Clients:
    """Creates each client once: boto3's clients may be shared by threads, its sessions may not."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self._session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local")
        self._config = Config(retries={"total_max_attempts": 1}, max_pool_connections=32, read_timeout=120)
        self._clients = {}
        self._lock = threading.Lock()

    def get(self, service, region):
        with self._lock:
            if (service, region) not in self._clients:
                self._clients[service, region] = self._session.client(
                    service, region_name=region, endpoint_url=self.endpoint, config=self._config
                )
            return self._clients[service, region]
