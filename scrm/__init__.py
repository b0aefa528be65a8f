"""The composition root: settings, queue, routes, pages, the local default and the sandbox."""
