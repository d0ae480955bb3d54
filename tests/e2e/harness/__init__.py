"""Helpers of the end-to-end tests: a server process, raw clients, writers, and a look into /proc."""
