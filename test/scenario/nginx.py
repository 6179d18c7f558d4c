# SPDX-License-Identifier: Apache-2.0
"""A real nginx as the web server behind the front door: serves a folder and takes uploads by PUT."""
import os
import pathlib
import pwd
import signal

import peers
import program

CONFIG = """
daemon off; master_process off; worker_rlimit_nofile 4096;
pid {root}/nginx.pid;
error_log stderr notice;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path {root}/body; proxy_temp_path {root}/t1; fastcgi_temp_path {root}/t2; uwsgi_temp_path {root}/t3; scgi_temp_path {root}/t4;
    keepalive_timeout 60; keepalive_requests 100000; sendfile on; tcp_nopush on; default_type text/html;
    client_max_body_size 0; client_body_buffer_size 1m;
    types {{ text/html html; text/css css; text/javascript js; image/svg+xml svg; }}
    server {{
        listen {listen};
        root {root}/site;
        location /upload/ {{ dav_methods PUT; create_full_put_path on; dav_access user:rw; }}
        location = /method {{ return 200 "$request_method $request_uri"; }}
        location = /connection {{ return 200 "$connection $connection_requests"; }}
        location /echo/ {{ return 200 "$request_uri"; }}
    }}
}}
"""


class Nginx(program.Program):
    def __init__(self, folder, ip="127.0.0.1", name="nginx"):
        self.root = pathlib.Path(folder) / name
        self._name = name
        self.site = self.root / "site"
        self.site.mkdir(parents=True)
        self.text = f"{ip}:{peers.free_port(ip)}"
        user = f"user {pwd.getpwuid(os.getuid()).pw_name};\n"
        (self.root / "nginx.conf").write_text(user + CONFIG.format(root=self.root, listen=self.text))
        self._spawn()

    def _spawn(self):
        super().__init__(["/usr/sbin/nginx", "-e", "stderr", "-p", str(self.root), "-c", str(self.root / "nginx.conf")], self._name)
        peers_up = self.wait_line(lambda line: "nginx/" in line and "notice" in line)
        assert peers_up, f"nginx did not start:\n{self.tail()}"
        assert self.is_running(), self.tail()

    def page(self, name, content):
        path = self.site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def restart(self):
        """At the same address, after kill() or stop()."""
        assert not self.is_running()
        self._spawn()

    def stop(self):
        if self.is_running():
            self.signal(signal.SIGQUIT)
        self.wait_end()
