"""What a reader should look for in each plot."""

from __future__ import annotations

__all__ = ["CAPTIONS"]

_TEXTS = {
    "judged": """
        Every iteration's ensemble, judged on the same final test set: random candidates of each stage that were labelled
        and never trained on. Left in eV/Å, right as a share of the standard deviation of each stage's forces. Look for
        lines that still fall (more labels help), that have levelled off (the descriptors or the number of terms limit) or
        that jump (a batch hurt), and for a stage that stays above the dashed line.""",
    "fitted": """
        Each ensemble on the test frames there were when it was fitted. The test set grows with each stage, so a rise can
        mean harder frames and not a worse ensemble.""",
    "parity": """
        Force components of the test frames: the mean of the last ensemble against the labels. Look for a narrow band
        along the grey line; a tilt at the ends means that large forces come out too weak or too strong, single far cells
        are environments that the data set lacks.""",
    "calibration": """
        One point a test frame: the members' disagreement, by which frames are chosen, against the largest true force
        error in the frame. Look for points that rise to the right: the higher the rank correlation, the better
        disagreement finds the frames worth a label. Points far above the grey line show an ensemble that is too sure of
        itself, which is usual and why trust levels are calibrated; points left of the lower level but high up are errors
        that selection would miss.""",
    "window": """
        Accurate: the ensemble agrees, nothing to learn. Candidate: worth a label. Failed: so much disagreement that the
        dynamics which led there cannot be trusted. Refused: atoms fused or flown apart. The first iteration has no
        ensemble, so all its sound frames are candidates. Look for a stage whose accurate share grows from one iteration
        to the next; many failed frames mean that the sampler went too far, too fast.""",
    "map": """
        Every candidate by its structural fingerprint, on the two directions along which fingerprints vary most (principal
        components of the standardised fingerprints). Look for chosen frames that cover the whole cloud of their stage,
        and for stages that bring regions of their own; a cloud without chosen frames is either known already or was
        missed.""",
    "labels": """
        Left: jobs that label, from their making to their end (in flight: uploaded, queued, running or fetched) and while they
        ran. The cap is that of the machine and counts the jobs of all campaigns. Look for a flat top at the cap (a larger one
        would help, if the machine allows it), and for a wide gap between the two: jobs wait in the machine's queue. Right: each
        new label's own time, in the colours of the stages above. Look for single labels far above the rest, whose electrons
        converge badly. Frames taken over were labelled before with the same settings, in this campaign or another, and cost
        nothing.""",
    "costs": """
        Core-hours: the time in which a job ran times its cores, whatever it gave; queues cost nothing. Look for iterations whose
        labels cost much more than those of others (larger cells, electrons that converge badly), for a step that is not
        labelling and yet takes a large share, and for what attempts without a label took.""",
    "timing": """
        Left: every job over wall time, coloured by step as on the right; numbers at the top are iterations, hatched jobs
        failed. The black strip marks the time in which no job ran. Look for the step that dominates (more computers, more
        jobs at once or fewer frames would help there) and for long black spans, in which the engine or a queue waits.""",
    "terms": """
        Look for members of like make: if few terms are shared, the data do not decide between descriptors, and one should
        not read meaning into single terms.""",
    "path": """
        Models of the last fit, from few terms to many, as the penalty on terms falls: the error on what was fitted (train), of
        each member on the frames it left out (held-out), on test frames, and on transfer sets, which hold a kind of frames that
        is not trained on. Rings mark the smallest error of each. Look for held-out errors that rise again while train errors
        fall (too many terms for these data), and for a transfer set that asks for a simpler model.""",
    "shares": """
        How much of the force the two-, three- and N-body terms of the last ensemble make: the size of each group's force over
        the sum of those of all groups, averaged over the force components of test frames (Benoit et al., 2020, Fig. 7). An
        interaction is the set of species that a term joins. Look for interactions that live on pairs alone, which a
        simpler model would describe as well, and for a baseline that does the work of the fit.""",
    "pairs": """
        The two-body terms of the last ensemble: their mean, and the span of the members. Below, how dense the distances of the
        test frames are; grey, where there are none. The dotted line is the energy of two atoms alone, with all
        terms. Look for members that part where data are few, and for a dotted line that falls again at short distance:
        nothing keeps hot atoms from fusing there, and short distances or a baseline are missing.""",
    "failures": """
        Frames that were refused or got no label, jobs that ended with an error, and runs that stopped before their end;
        what they made before is kept. In reasons of frames, figures are masked so that like
        ones count together.""",
}

CAPTIONS = {name: " ".join(text.split()) for name, text in _TEXTS.items()}
