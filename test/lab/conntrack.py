# SPDX-License-Identifier: Apache-2.0
"""A firewall forgets all connections, as after a restart or a fail-over. By netlink, since conntrack(8) is one more package."""
import socket
import struct

NETLINK_NETFILTER = 12
CTNETLINK_DELETE = 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE
NLM_F_REQUEST, NLM_F_ACK = 1, 4
NLMSG_ERROR = 2


def forget(machine):
    """Deletes every entry of the machine's table; without any attribute the message means all."""
    with machine.inside():
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER) as kernel:
            kernel.settimeout(10)
            kernel.bind((0, 0))
            body = struct.pack("=BBH", socket.AF_UNSPEC, 0, 0)
            kernel.send(struct.pack("=IHHII", 16 + len(body), CTNETLINK_DELETE, NLM_F_REQUEST | NLM_F_ACK, 1, 0) + body)
            answer = kernel.recv(4096)
    kind, code = struct.unpack_from("=H", answer, 4)[0], struct.unpack_from("=i", answer, 16)[0]
    assert kind == NLMSG_ERROR and code == 0, f"{machine.role}: the kernel answered {code}"
