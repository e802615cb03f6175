"""Adapters of the models that hyle can run, one module per library or architecture."""
