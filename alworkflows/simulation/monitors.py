EXPLODED = "exploded"
