"""Readers of tables and of FASTA: strings and sequences, one per row."""
