"""The programs that label, one module or folder each."""
