"""The help of commands with many options, in sections."""

from __future__ import annotations

import click

# Title -> the parameters of its options, by name, in the order of the help. Options that are not listed come last.
SECTIONS = {
    "Samples": (
        *("dataset", "samples", "seed", "first", "column", "view", "id_column", "energy_key", "as_written"),
        *(
            "layer",
            "layers",
            "pooling",
            "per",
            "where",
            "by",
            "ids",
            "key",
            "columns",
            "teacher_id_column",
            "covariates",
            "out",
        ),
        *("embeddings", "against", "against_embeddings", "label", "label_samples", "n_labels", "errors", "classes"),
        *("sizes", "families", "samples_source"),
    ),
    "Metrics": (
        "metrics",
        "metric",
        "estimator",
        "of_scales",
        "centre",
        "block",
        "queries",
        "search",
        "sweep",
        "ceiling",
    ),
    "Anchors": ("anchors", "anchor_method", "anchor_model", "anchor_centring", "anchor_seed", "keep_anchors"),
    "Neighbours": ("k", "dimension_k", "rank_k", "neighbour_metric", "neighbours_outside"),
    "Significance": (*("permutations", "fdr", "jackknife_groups", "groups", "permute", "strata", "differences"),),
    "Devices": ("devices", "precision", "coordinator", "processes", "rank", "checkpoint"),
    "Store and output": ("store_path", "output", "replace_output", "as_json"),
}
# Of a command whose sources are files or stored models, the options of the first section.
INPUT = "Input"


class SectionedCommand(click.Command):
    """A command whose help lists the options in sections."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of each section under its title."""
        records = {
            parameter.name: record
            for parameter in self.get_params(ctx)
            if isinstance(parameter, click.Option) and (record := parameter.get_help_record(ctx))
        }
        titles = {name: title for title, names in SECTIONS.items() for name in names}
        of_files = any(parameter.name == "sources" for parameter in self.params)
        rows: dict[str, list[tuple[str, str]]] = {title: [] for title in SECTIONS}
        rows["Other"] = []
        for name, record in records.items():
            rows[titles.get(str(name), "Other")].append(record)
        for title, records_of_title in rows.items():
            if records_of_title:
                with formatter.section(INPUT if of_files and title == "Samples" else title):
                    formatter.write_dl(records_of_title)
