# SPDX-License-Identifier: Apache-2.0
"""Kinds of damage. A kind is a function of a Spot (which component of which
SSTable, and a source of chance) that gives the files to be replaced: a dict
of path and bytes, None for a file that is gone. It gives an empty dict where
chance hit upon something that changes nothing; then it is asked again.

ANY are done to each component, OWN to one, with knowledge of its format: rows
of component, what else must be there, kinds.
"""
import struct

import kinds_data
import kinds_index
import kinds_statistics
import kinds_table
import kinds_text
from kinds_any import ANY, Spot, foreign, swapped

OWN = (kinds_table.OWN + kinds_statistics.OWN + kinds_index.OWN +
       kinds_data.OWN + kinds_text.OWN)


def groups(base):
    """(component, kind) of all that can be done to it."""
    have = base.components()
    texts = ["manifest.json", "schema.cql"]
    for component in have + texts:
        for kind in ANY:
            if component in texts and kind in (foreign, swapped):
                continue
            yield component, kind
    for component, needs, kinds in OWN:
        if component in have + texts and all(n in have for n in needs):
            for kind in kinds:
                yield component, kind


def damages(base, component, kind, rng, count):
    """'count' damages, or as many different ones as there are."""
    ret, seen, tries = [], set(), 0
    while len(ret) < count and tries < 40 * count:
        tries += 1
        try:
            spot = Spot(base, component, rng)
            edit = kind(spot)
        except (IndexError, KeyError, ValueError, struct.error):
            continue  # no room for it there
        mark = hash(tuple(sorted(edit.items())))
        if edit and mark not in seen:
            seen.add(mark)
            ret.append((spot.path, edit))
    return ret
