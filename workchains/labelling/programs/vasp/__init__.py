"""Labels from VASP, by its AiiDA plug-in."""
