"""`python -m bench.accelerator`: what is measured on an accelerator, in at most eight minutes and without a network."""
