"""What iterations hand over to their campaign, and campaigns to those that go on from them."""

from __future__ import annotations

from workchains.loop.iteration_ports import OUTPUTS, SETS

__all__ = ["LABELLED", "OF_GIVEN", "PRODUCTS", "about"]

#: outputs of an iteration that its campaign keeps, and the namespace of the campaign in which they stand by the iteration's key
PRODUCTS = {
    **SETS,
    "ensemble": "ensembles",
    "report": "reports",
    "selection": "selections",
    "fingerprints": "fingerprints",
    "decision": "decisions",
    "trust_levels": "trust_levels",
    "candidates": "candidates",
    "failures": "failures",
}
#: namespaces of labelled frames
LABELLED = tuple(SETS.values())
#: namespaces in which stands what came of given data, by the key of its source
OF_GIVEN = ("batches", "tests", "fingerprints")


def about(namespace: str) -> tuple[type, str]:
    """Return the type of what stands in a namespace, and what it is."""
    return next(OUTPUTS[output] for output, name in PRODUCTS.items() if name == namespace)
