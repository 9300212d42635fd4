"""The one outbound door: time-outs, size caps, and the guard on private addresses, for every HTTP library in use."""

from copilot.guard.http.addresses import Network
from copilot.guard.http.door import MAX_BYTES, USER_AGENT, HttpDoor
from copilot.guard.http.errors import recognised, speaking_of, translate
from copilot.guard.http.meter import Meter

__all__ = ["MAX_BYTES", "USER_AGENT", "HttpDoor", "Meter", "Network", "recognised", "speaking_of", "translate"]
