"""Reproducible bytes. Random, so that a shifted, doubled or mixed-up piece changes the hash."""

import functools
import hashlib
import random

KIB = 1024
MIB = 1024 * 1024


@functools.lru_cache(maxsize=64)
def payload(size, seed=0):
    return random.Random(f"{seed}/{size}").randbytes(size)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(MIB):
            digest.update(piece)
    return digest.hexdigest()
