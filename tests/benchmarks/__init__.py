"""Our figures beside the floor's and the peers', in one run, as ratios: ``make bench``."""
