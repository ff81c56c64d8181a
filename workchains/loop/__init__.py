"""The campaign and its iterations: what runs in which order, what may be spent, how one goes on from another."""
