"""Fetches images by URL under the limits of `[images]`, and caches them."""
