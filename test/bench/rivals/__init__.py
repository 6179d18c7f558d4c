# SPDX-License-Identifier: Apache-2.0
"""The programs that can take part, by kind."""
from .georelay import Georelay
from .haproxy import Haproxy
from .hitch import Hitch
from .nginx import Nginx
from .pump import Pump
from .rival import Place
from .socat import Socat
from .ssh import Ssh
from .stunnel import Stunnel

KINDS = {one.kind: one for one in (Georelay, Haproxy, Nginx, Hitch, Stunnel, Socat, Ssh)}

__all__ = ["KINDS", "Georelay", "Place", "Pump"]
