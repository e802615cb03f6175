"""The models that hyle knows how to run: one short file a library or architecture."""
