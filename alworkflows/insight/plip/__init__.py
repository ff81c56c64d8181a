"""What a PLIP model is made of: force shares, and curves of its terms."""
