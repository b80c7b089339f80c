"""Incremental codecs between bytes and messages. Their results do not depend on how the bytes are chunked."""
