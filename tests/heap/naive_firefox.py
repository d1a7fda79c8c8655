#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A slow, plain reader of .fxsnapshot files: the twin that the reader in C is compared with."""

import gzip


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def fields(data):
    """(number, value) of a message, in the order in which they stand."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
        else:
            raise ValueError(f"wire type {key & 7}")
        yield key >> 3, value


class Snapshot:
    def __init__(self, path):
        with gzip.open(path) as file:
            data = file.read()
        self.two, self.one, self.nodes, self.frames = [], [], [], set()
        at, first = 0, True
        while at < len(data):
            size, at = varint(data, at)
            if not first:
                self.nodes.append(self.node(data[at:at + size]))
            first = False
            at += size

    def text(self, table, value, is_new):
        if is_new:
            table.append(value.decode("utf-16le", "surrogatepass") if table is self.two
                         else value.decode("latin-1"))
            return table[-1]
        return table[value]

    def node(self, message):
        node = {"edges": [], "coarse": 0}
        for number, value in fields(message):
            if number == 1:
                node["id"] = value
            elif number in (2, 3):
                node["type"] = self.text(self.two, value, number == 2)
            elif number == 4:
                node["size"] = value
            elif number == 5:
                node["edges"].append(self.edge(value))
            elif number == 6:
                self.frame(value)
            elif number in (7, 8):
                node["class"] = self.text(self.one, value, number == 7)
            elif number == 9:
                node["coarse"] = value
            elif number in (10, 11):
                node["script"] = self.text(self.one, value, number == 10)
            elif number in (12, 13):
                node["described"] = self.text(self.two, value, number == 12)
        return node

    def edge(self, message):
        to = name = None
        for number, value in fields(message):
            if number == 1:
                to = value
            elif number in (2, 3):
                name = self.text(self.two, value, number == 2)
        return name, to

    def frame(self, message):
        for number, value in fields(message):
            if number != 1:
                continue
            data = list(fields(value))
            # The writer numbers a frame's own texts before its parent's.
            for wanted in ((5, 6), (7, 8), (2,)):
                for key, item in data:
                    if key in wanted and key == 2:
                        self.frame(item)
                    elif key in wanted:
                        self.text(self.two, item, key in (5, 7))
