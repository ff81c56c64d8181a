"""Which labels were bought: made by a job that labels, as the graph says it, whatever the header of a file claims.

A file of frames may name any engine: what is given to a campaign is used there, and found by nobody else. So is what was divided,
gathered or copied from it. What came out of an archive counts if the job that made it came with it: an archive brings the whole
provenance of its data, and is as much to be trusted as whoever made it.
"""

from __future__ import annotations

from typing import Any

from aiida.common.links import LinkType
from aiida.orm import CalcFunctionNode, CalcJobNode, Data, QueryBuilder

from workchains.data.frames import FramesData

__all__ = ["CONVERSIONS", "bought"]

#: the job whose output is labelled frames
LABEL_JOB = "LabelJob"
#: calcfunctions that make a labelled frame of what the job of a program left
CONVERSIONS = ("label_from_pw", "vasp_labels")


def bought(key: str, project: str, since: int = 0) -> dict[int, Any]:
    """Return an attribute of all nodes of bought labels, by their PK, oldest first.

    Parameters
    ----------
    key
        Of engine and settings, see :func:`~workchains.data.frames.engine_key`.
    project
        Name of the attribute.
    since
        PK above which to look.
    """
    found: dict[int, Any] = {}
    for query in (_by_jobs(), _by_conversions()):
        made = {"attributes.engine_key": key, "id": {">": since}}
        create = {"type": LinkType.CREATE.value}
        wanted = ["id", f"attributes.{project}"]
        query.append(FramesData, with_incoming="maker", filters=made, edge_filters=create, project=wanted)
        found.update(dict(query.iterall()))
    return dict(sorted(found.items()))


def _by_jobs() -> QueryBuilder:
    """Return a query whose ``maker`` is a job that labels."""
    return QueryBuilder().append(CalcJobNode, filters={"attributes.process_label": LABEL_JOB}, tag="maker")


def _by_conversions() -> QueryBuilder:
    """Return a query whose ``maker`` is a conversion of what a job left; of what nobody computed there is none."""
    query = QueryBuilder().append(CalcJobNode, tag="job")
    query.append(Data, with_incoming="job", edge_filters={"type": LinkType.CREATE.value, "label": "retrieved"}, tag="left")
    conversion = {"attributes.process_label": {"in": list(CONVERSIONS)}}
    query.append(CalcFunctionNode, with_incoming="left", filters=conversion, tag="maker")
    return query
