"""What AiiDA lacks: children known by their keys, a cap on jobs, jobs tried again, locks, repair of what died."""
