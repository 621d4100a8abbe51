"""HTTP downstreams: the place, and the libraries that send for it, each imported by its own module only."""

from .place import Http, HttpClient, HttpMeans, Requests, retry_after_s

__all__ = ["Http", "HttpClient", "HttpMeans", "Requests", "retry_after_s"]
