"""What people look at beside single events, a folder each: objects, actors, permissions, clusters, losses, setup.

In each, the module named after the subject reads, `view` prepares a page and `document` the JSON interface; `blueprint`
serves them. `api_blueprint` is version 1 of the JSON interface, described by `openapi`.

This room imports everything below it; nothing but `app` imports it, so that it can be taken away.
"""
