"""A simulated Particle cloud with virtual devices, for tests, the demo and benchmarks.

It speaks the wire format of the real one over real sockets and knows nothing of the portal.
"""

from __future__ import annotations

NOT_THE_REAL_CLOUD = "This is a simulated Particle cloud, not the real one."
