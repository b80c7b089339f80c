"""The life of an answer, once: from the first event of its model to the last byte its client has taken."""
