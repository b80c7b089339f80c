"""Chat Completions servers over HTTP (treq): connections, deadlines, retries, model lists, embeddings."""
