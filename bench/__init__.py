"""What codexd adds to the child it stands before, measured. `make bench`."""
