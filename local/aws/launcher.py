"""Starts moto_server as the local AWS of this project.

The parent passes a listening socket (so that the port is known, and taken,
before this process starts) and keeps its end of our stdin open: when stdin
closes, or the parent is gone, this process ends too.
"""

import argparse
import gc
import os
import sys
import threading
import time


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="inherited listening socket")
    parser.add_argument("--port", type=int, required=True, help="port of that socket")
    parser.add_argument("--host-url", required=True, help="where the Lambda host answers Invoke")
    return parser.parse_args()


def end_with_parent():
    parent = os.getppid()

    def wait_for_stdin():
        while os.read(0, 4096):
            pass
        os._exit(0)

    def wait_for_adoption():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(0)

    for watch in (wait_for_stdin, wait_for_adoption):
        threading.Thread(target=watch, daemon=True).start()


def settle_environment(port):
    endpoint = f"http://127.0.0.1:{port}"
    os.environ.update(
        AWS_ENDPOINT_URL=endpoint,
        AWS_EC2_METADATA_DISABLED="true",
        MOTO_PORT=str(port),
    )
    return endpoint


def main():
    args = arguments()
    end_with_parent()
    endpoint = settle_environment(args.port)

    # Imported late: moto reads the environment when it is imported.
    from werkzeug.serving import WSGIRequestHandler, make_server

    import gateway
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    class QuietHandler(WSGIRequestHandler):
        def log_request(self, code="-", size="-"):
            if isinstance(code, int) and code >= 500 or str(code).startswith("5"):
                super().log_request(code, size)

    application = gateway.Gateway(
        DomainDispatcherApplication(create_backend_app), endpoint=endpoint, host_url=args.host_url
    )
    # Items are a million objects in no cycle: looking for cycles among them as
    # often as Python does takes a quarter of the time that they take themselves.
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
    server = make_server(
        "127.0.0.1", args.port, application, threaded=True, request_handler=QuietHandler, fd=args.fd
    )
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
