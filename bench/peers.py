"""The servers that take part, each configured for its best, with one worker. Configurations are written to build/bench."""

import os
import pathlib
import shutil
import socket
import subprocess

from harness import FDS, Failure, Server


def _free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def find(program):
    """Also in /usr/sbin, which is not in everybody's PATH."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


class Peers:
    def __init__(self, source, work, tools, midstream):
        self._source, self._work, self._tools, self._midstream = source, work, tools, midstream
        self.files = work / "files"
        self.files.mkdir(parents=True, exist_ok=True)

    def tool(self, name):
        path = self._tools / name
        if not path.exists():
            raise Failure(f"{path} is missing: build it with `cmake --build --preset release`")
        return path

    @property
    def has_midstream(self):
        return self._midstream is not None

    # Each of these gives a Server that is ready, or None where the program is not there.

    def midstream(self, name="midstream", *options, access_log="off"):
        if not self.has_midstream:
            return None
        command = [self._midstream, "serve", self.files, "--listen", "127.0.0.1:0", "--threads", "1"]
        return Server(name, [*command, "--access-log", access_log, *options], log=self._work / "midstream.log")

    def midstream_configured(self):
        """With what a site has: virtual hosts, routes, rules for fields, siblings looked for, a JSON log."""
        if not self.has_midstream:
            return None
        config = self._work / "midstream.toml"
        log = self.files.parent / "access.json"
        log.unlink(missing_ok=True)
        config.write_text(
            f"""threads = 1
access_log = {{file = "{log}", format = "json"}}
[[listen]]
address = "127.0.0.1:0"
[[site]]
hosts = ["other.example"]
[[site.route]]
answer = {{}}
[[site]]
hosts = ["127.0.0.1"]
[[site.route]]
path = "/other"
answer = {{}}
[[site.route]]
path = "/"
files = {{root = "{self.files}", precompressed = ["br", "gzip"]}}
headers = {{set = {{Cache-Control = "max-age=60"}}}}
"""
        )
        return Server("midstream, configured", [self._midstream, "run", "--config", config],
                      log=self._work / "midstream.log")

    def floor(self, mode, file):
        return Server(f"floor {mode}", [self.tool("floor"), mode, "0", self.files / file])

    def nginx(self):
        program, address, home = find("nginx"), _free_address(), self._work / "nginx"
        if not program:
            return None
        home.mkdir(exist_ok=True)
        temporary = "".join(
            f"  {kind}_temp_path {home}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (home / "nginx.conf").write_text(
            f"""daemon off;
worker_processes 1;
worker_rlimit_nofile {FDS};
pid {home}/nginx.pid;
error_log {home}/error.log warn;
{"user root;" if os.geteuid() == 0 else ""}
events {{
  use epoll;
  worker_connections 16000;
}}
http {{
{temporary}  access_log off;
  sendfile on;
  tcp_nopush on;
  tcp_nodelay on;
  open_file_cache max=1000 inactive=1h;
  open_file_cache_valid 1h;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  server {{
    listen {address} reuseport backlog=4096;
    root {self.files};
  }}
}}
"""
        )
        return Server("nginx", [program, "-e", home / "error.log", "-c", home / "nginx.conf"], address, log=home / "out.log")

    def h2o(self):
        program, address, home = find("h2o"), _free_address(), self._work / "h2o"
        if not program:
            return None
        home.mkdir(exist_ok=True)
        host, _, port = address.rpartition(":")
        (home / "h2o.conf").write_text(
            f"""num-threads: 1
max-connections: 16000
{"user: root" if os.geteuid() == 0 else ""}
pid-file: {home}/h2o.pid
error-log: {home}/error.log
http1-request-timeout: 3600
hosts:
  default:
    listen: {{ host: {host}, port: {port} }}
    paths:
      "/": {{ file.dir: {self.files} }}
"""
        )
        return Server("h2o", [program, "-c", home / "h2o.conf"], address, log=home / "out.log")

    def go_program(self):
        """Builds it where Go is installed; else gives None."""
        go = find("go")
        if not go:
            return None
        binary, source = self._work / "readwhilewrite", self._source / "go" / "readwhilewrite.go"
        cache = {"GOCACHE": str(self._work / "go-cache"), "GO111MODULE": "off", "GOFLAGS": "", "CGO_ENABLED": "0"}
        built = subprocess.run(
            [go, "build", "-o", binary, source], env={**os.environ, **cache}, capture_output=True, text=True
        )
        if built.returncode != 0:
            raise Failure(f"go build: {built.stderr.strip()}")
        return binary

    def go(self, name, binary, blocks, *options):
        return self._writing_server(name, binary, blocks, *options, env={"GOMAXPROCS": "1"})

    def library(self, name, blocks, *options):
        return self._writing_server(name, self.tool("live_server"), blocks, *options)

    def _writing_server(self, name, binary, blocks, *options, env=None):
        """A server that writes live.bin itself: go/readwhilewrite.go and live_server.cc take the same options."""
        directory = self._work / f"{name}-files"
        directory.mkdir(exist_ok=True)
        command = [binary, "-dir", directory, "-blocks", blocks, *options]
        return Server(name, command, env=env, log=self._work / f"{name}.log")


def names_missing():
    return [name for name in ("nginx", "h2o", "go", "wrk") if not find(name)]
