"""A server with one site, for tests that are about the keys of its routes."""

import os

from harness.configured import ConfiguredServer


def toml(text):
    """A TOML string."""
    return '"' + os.fspath(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def start_routes(place, routes):
    """`routes` in TOML: the tables [[site.route]]. ROOT in it stands for the served directory, which is made
    below `place`, and is the `root` of the server that comes back."""
    root = place / "served"
    root.mkdir()
    config = place / "midstream.toml"
    config.write_text('threads = 2\n[[listen]]\naddress = "127.0.0.1:0"\n[[site]]\n'
                      + routes.replace("ROOT", toml(root)))
    return ConfiguredServer(config, root)
