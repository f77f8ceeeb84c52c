"""The commands of ``audit-webhook``, a module each: ``HELP``, ``add_arguments(parser)`` and ``run(chosen)``.

``run`` gives the exit code: 0 done, 1 the answer is "no", 2 could not do it.
"""
