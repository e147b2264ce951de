"""Authoring of the course: sources, notebooks, labs, and the gates that hold them.

Everything here is for maintainers and instructors; a learner's notebooks import none of it.
"""
