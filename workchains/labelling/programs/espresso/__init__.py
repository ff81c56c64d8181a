"""Labels from Quantum ESPRESSO's pw.x, by its AiiDA plug-in."""
