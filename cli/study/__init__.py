"""The study of Edamadaka et al. on what can be had here: its plan, its findings one by one, and the page."""
