"""The command `multiarm cohort`: sets of units that conditions name."""

from server.shelves import group

cohort = group(
    "cohort",
    "Create, change, remove and list cohorts of units.",
    lambda one: f"{len(one.units):,} by name{'' if one.condition is None else ', and by a condition'}",
    {
        "cohort": lambda one: one.key,
        "units": lambda one: str(len(one.units)),
        "condition": lambda one: "no" if one.condition is None else "yes",
        "owner": lambda one: one.owner,
        "name": lambda one: one.name,
    },
    lambda one: one.model_dump_json(indent=2),
)
