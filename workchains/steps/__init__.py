"""The steps of an iteration: sampling, training and what is decided between them."""
