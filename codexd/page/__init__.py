"""The status page and its playground: values become HTML. Whatever a client wrote is escaped by `element`."""
