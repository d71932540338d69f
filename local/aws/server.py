"""Starts the local AWS: moto's server behind the gateway.

The parent process (local/server.go) passes a listening socket, so that the port
is known and taken before this process starts, and keeps its end of this
process's stdin open. When stdin is closed or the parent exits, this process
exits too.
"""

import argparse
import gc
import os
import sys
import threading
import time


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="file descriptor of the inherited listening socket")
    parser.add_argument("--port", type=int, required=True, help="port of that socket")
    parser.add_argument("--host-url", required=True, help="URL of the Lambda host")
    parser.add_argument("--architecture", required=True, help="architecture of the functions that the Lambda host can run")
    parser.add_argument("--iam", required=True, help="enforce: refuse requests of functions that are not allowed; report: count them")
    return parser.parse_args()


def exit_with_parent():
    parent = os.getppid()

    def wait_for_end_of_stdin():
        while os.read(0, 4096):
            pass
        os._exit(0)

    def wait_for_exit_of_parent():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(0)

    for watch in (wait_for_end_of_stdin, wait_for_exit_of_parent):
        threading.Thread(target=watch, daemon=True).start()


def set_environment(port):
    """Sets what moto and its boto3 clients read from the environment; returns the endpoint."""
    endpoint = f"http://127.0.0.1:{port}"
    os.environ.update(
        AWS_ENDPOINT_URL=endpoint,
        AWS_EC2_METADATA_DISABLED="true",
        MOTO_PORT=str(port),
    )
    return endpoint


def main():
    arguments = parse_arguments()
    exit_with_parent()
    endpoint = set_environment(arguments.port)

    # Imported here: moto reads the environment when it is imported.
    from werkzeug.serving import WSGIRequestHandler, make_server

    import evaluators
    from gateway import Gateway
    from lambda_host import LambdaHost
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    class ErrorLoggingHandler(WSGIRequestHandler):
        """Logs the requests that fail with a 5xx status only."""

        def log_request(self, code="-", size="-"):
            if str(code).startswith("5"):
                super().log_request(code, size)

    evaluators.connect(arguments.host_url)
    application = Gateway(
        DomainDispatcherApplication(create_backend_app),
        endpoint,
        LambdaHost(arguments.host_url, arguments.architecture),
        arguments.iam,
    )
    # DynamoDB items are a million objects without reference cycles. With Python's
    # default thresholds, searching them for cycles takes a quarter of the time of
    # creating them.
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
    server = make_server(
        "127.0.0.1", arguments.port, application, threaded=True, request_handler=ErrorLoggingHandler, fd=arguments.fd
    )
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
