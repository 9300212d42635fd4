"""`python -m copilot.replay --recording FILE --port PORT --anchor UNIX`: serve a recording until told to stop."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path

from copilot.replay.recording import BadRecording, load
from copilot.replay.serving import ReplayServer


def main() -> int:
    """Serve; returns 2 where the file is no recording, 1 where the port is taken."""
    parser = argparse.ArgumentParser(prog="python -m copilot.replay", description=__doc__)
    parser.add_argument("--recording", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--anchor", type=float, required=True, help="when the page fires, in Unix seconds")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        server = ReplayServer(load(options.recording), port=options.port, anchor=options.anchor)
    except BadRecording as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"port {options.port}: {error.strerror}\n")
        return 1
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    stopping.wait()
    server.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
