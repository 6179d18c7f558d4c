# SPDX-License-Identifier: Apache-2.0
"""nginx: its http module, and its stream module for everything else."""
import pathlib
import subprocess

from . import rival

MODULE = pathlib.Path("/usr/lib/nginx/modules/ngx_stream_module.so")

MAIN = """
{first}
daemon off; worker_processes {workers};
pid {folder}/nginx.pid; error_log stderr error;
events {{ worker_connections {slots}; accept_mutex off; }}
"""

TLS = """
    ssl_certificate {chain}; ssl_certificate_key {key};
    ssl_protocols TLSv1.2 TLSv1.3; ssl_prefer_server_ciphers on; ssl_ecdh_curve {groups};
    ssl_ciphers {tls12}; ssl_conf_command Ciphersuites {tls13};
    ssl_session_tickets on; ssl_session_cache none;
"""

HTTP = """
http {{
    access_log off; tcp_nodelay on; reset_timedout_connection off;
    client_body_temp_path {folder}/t0; proxy_temp_path {folder}/t1; fastcgi_temp_path {folder}/t2; uwsgi_temp_path {folder}/t3;
    scgi_temp_path {folder}/t4;
    keepalive_timeout {long}s; keepalive_requests 1000000000; client_max_body_size 0;
    upstream bench {{ server {upstream}; keepalive 256; keepalive_requests 1000000000; keepalive_timeout {long}s; }}
    server {{
        listen {listen} ssl reuseport backlog=4096;
""" + TLS + """
        location / {{
            proxy_pass http://bench; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
            proxy_request_buffering off; proxy_max_temp_file_size 0; proxy_read_timeout {long}s; proxy_send_timeout {long}s;
        }}
    }}
}}
"""

STREAM = """
stream {{
    tcp_nodelay on; proxy_timeout {long}s;
    server {{
        listen {listen} {ssl} reuseport backlog=4096;
        {tls}
        proxy_pass {upstream};
    }}
}}
"""


class Nginx(rival.Rival):
    kind = binary = "nginx"
    modes = ("http", "tcp", "raw")

    def __init__(self, name=None, path=None):
        super().__init__(name, path)
        self.stream = self._stream() if self.is_there() else None

    def _stream(self):
        """The line that makes "stream" known; None if it can't be had."""
        built = subprocess.run([self.path, "-V"], capture_output=True, text=True, timeout=20, check=False).stderr
        if "--with-stream=dynamic" in built:
            return f"load_module {MODULE};" if MODULE.exists() else None
        return "" if "--with-stream " in built + " " else None

    def serves(self, mode, connections):
        return super().serves(mode, connections) and (mode == "http" or self.stream is not None)

    def children(self):
        return self.workers

    def command(self, place):
        values = {
            "workers": self.workers, "slots": 2 * rival.CONNECTIONS + 64, "folder": place.folder, "long": rival.LONG, "listen": place.listen,
            "upstream": place.upstream, "chain": place.certificates.chain(place.key), "key": place.certificates.key(place.key),
            "groups": rival.GROUPS, "tls12": ":".join(rival.TLS12), "tls13": ":".join(rival.TLS13),
            "first": ("user root;" if rival.is_root() else "") + (self.stream if place.mode != "http" else ""),
        }
        if place.mode == "http":
            text = (MAIN + HTTP).format(**values)
        elif place.mode == "tcp":
            text = (MAIN + STREAM).format(ssl="ssl", tls=TLS.format(**values), **values)
        else:
            text = (MAIN + STREAM).format(ssl="", tls="", **values)
        return [self.path, "-e", "stderr", "-p", place.folder, "-c", rival.write(place, "nginx.conf", text)]
