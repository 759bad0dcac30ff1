"""From a recipe and a folder of tracks to a model: what training is made of.

A :class:`~unmixcli.training.recipe.Recipe` says everything that a run depends on but its data
and its device; augmentations and losses are built from what it lists.
"""
