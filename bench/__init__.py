"""The engine and its peers, measured side by side on the same inputs in one run; not installed with the package."""
