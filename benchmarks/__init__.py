"""Speed and memory, as ratios to a floor and to peers measured in the same run."""
