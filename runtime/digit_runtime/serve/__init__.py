"""digit-serve: a page to draw digits on, and a JSON API, from the device itself.

Needs the extra ``serve`` (Starlette, uvicorn, Prometheus's client and Pillow).
"""
